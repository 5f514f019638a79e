"""Imports plugins in processes of their own: one that hangs or brings the interpreter down is found without harm, and times are honest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from vqspeech.registry.discovery import GROUP, Candidate

HEAVY = ("torch", "numpy", "librosa", "scipy", "sklearn", "matplotlib", "pyarrow", "pandas", "jax", "tensorflow")
"""Packages that a plugin's own module has no reason to import."""

_CODE = f"""
import importlib.metadata, sys, time
import vqspeech.registry.hookspecs, vqspeech.registry.specs
point = importlib.metadata.EntryPoint(sys.argv[1], sys.argv[2], {GROUP!r})
begin = time.perf_counter()
try:
    point.load()
except Exception:
    pass
print(time.perf_counter() - begin, *[name for name in {HEAVY!r} if name in sys.modules])
"""


@dataclass(frozen=True)
class Probe:
    """What became of an import.

    Parameters
    ----------
    seconds : how long it took, or the limit where it did not end
    heavy : those of `HEAVY` that came with it
    problem : why it must not be tried again in this process; empty where it ended, with or without an exception
    """

    seconds: float
    heavy: tuple[str, ...] = ()
    problem: str = ""


def probe(candidates: Sequence[Candidate], limit_s: float, environ: Mapping[str, str]) -> list[Probe | None]:
    """Import each candidate in a process of its own; None for those whose metadata cannot be read.

    Parameters
    ----------
    candidates : what may be loaded
    limit_s : a process that runs longer is killed
    environ : of the host, on top of this process's
    """
    path = os.pathsep.join(part or os.getcwd() for part in sys.path)
    environment = {**os.environ, **environ, "PYTHONPATH": path}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda candidate: _probe(candidate, limit_s, environment), candidates))


def _probe(candidate: Candidate, limit_s: float, environment: Mapping[str, str]) -> Probe | None:
    point = candidate.entry_point
    if point is None:
        return None
    command = [sys.executable, "-c", _CODE, point.name, point.value]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=limit_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Probe(limit_s, problem=f"its import hangs: it did not end within {limit_s:g} s")
    if done.returncode < 0:
        return Probe(0.0, problem=f"its import kills the interpreter ({signal.Signals(-done.returncode).name})")
    seconds, *heavy = (done.stdout.splitlines() or ["0"])[-1].split() if done.returncode == 0 else ["0"]
    return Probe(float(seconds), tuple(heavy))
