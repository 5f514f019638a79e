"""Import plugins and targets in other processes, which may hang or crash."""

from __future__ import annotations

import json
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


_TARGETS = f"""
import importlib.metadata, json, sys
from vqspeech.registry import contracts, discovery, host
point = importlib.metadata.EntryPoint(sys.argv[1], sys.argv[2], {GROUP!r})
provider = discovery.Provider(sys.argv[3], sys.argv[4], sys.argv[1])
plugin = host.load(discovery.Candidate(provider, point), float(sys.argv[5]))
found = [contracts.problem(entry) for entries in plugin.entries.values() for entry in entries]
print(json.dumps([problem for problem in found if problem]))
"""

TARGETS_LIMIT_FACTOR = 5
"""Factor between the time limits of targets and of imports: targets bring torch."""


@dataclass(frozen=True)
class Probe:
    """The result of an import.

    Parameters
    ----------
    seconds : duration of the import, or the limit where it did not end
    heavy : those of `HEAVY` that it imported
    problem : why it must not be repeated in this process; empty where it ended, with or without an exception
    """

    seconds: float
    heavy: tuple[str, ...] = ()
    problem: str = ""


def probe(candidates: Sequence[Candidate], limit_s: float, environ: Mapping[str, str]) -> list[Probe | None]:
    """Import each candidate in a separate process; None for those whose metadata cannot be read.

    Parameters
    ----------
    candidates : entry points that may be loaded
    limit_s : a process that runs longer is killed
    environ : environment of the host, added to this process's
    """
    environment = _environment(environ)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda candidate: _probe(candidate, limit_s, environment), candidates))


def target_problems(
    candidates: Sequence[Candidate], limit_s: float, environ: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """Import every target of each candidate in a separate process, and check how it can be called.

    Parameters
    ----------
    candidates, limit_s, environ : as in `probe`

    Returns
    -------
    What is wrong with the targets of each, a sentence each, see `vqspeech.registry.contracts.problem`
    """
    environment = _environment(environ)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda candidate: _targets(candidate, limit_s, environment), candidates))


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **environ, "PYTHONPATH": inherited_path()}


def inherited_path() -> str:
    """Return ``sys.path`` for ``PYTHONPATH`` of another process; without the empty entry, the current folder."""
    return os.pathsep.join(part for part in sys.path if part)


def _targets(candidate: Candidate, limit_s: float, environment: Mapping[str, str]) -> tuple[str, ...]:
    point, provider = candidate.entry_point, candidate.provider
    if point is None:
        return ()
    arguments = [point.name, point.value, provider.distribution, provider.version, str(limit_s)]
    most_s = TARGETS_LIMIT_FACTOR * limit_s
    done = _run(_TARGETS, arguments, environment, most_s)
    if done is None:
        return (f"importing its targets hangs: it did not end within {most_s:g} s",)
    if done.returncode < 0:
        return (f"importing its targets kills the interpreter ({signal.Signals(-done.returncode).name})",)
    if done.returncode:
        return ((done.stderr.strip().splitlines() or ["importing its targets failed"])[-1],)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def _run(
    code: str, arguments: Sequence[str], environment: Mapping[str, str], limit_s: float
) -> subprocess.CompletedProcess[str] | None:
    """Run Python code in a separate process; None when it did not end in time."""
    try:
        return subprocess.run(
            # -P: the current folder, which may be anybody's, is not searched for modules.
            [sys.executable, "-P", "-c", code, *arguments],
            capture_output=True,
            text=True,
            env=dict(environment),
            timeout=limit_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None


def _probe(candidate: Candidate, limit_s: float, environment: Mapping[str, str]) -> Probe | None:
    point = candidate.entry_point
    if point is None:
        return None
    done = _run(_CODE, [point.name, point.value], environment, limit_s)
    if done is None:
        return Probe(limit_s, problem=f"its import hangs: it did not end within {limit_s:g} s")
    if done.returncode < 0:
        return Probe(0.0, problem=f"its import kills the interpreter ({signal.Signals(-done.returncode).name})")
    seconds, *heavy = (done.stdout.splitlines() or ["0"])[-1].split() if done.returncode == 0 else ["0"]
    return Probe(float(seconds), tuple(heavy))
