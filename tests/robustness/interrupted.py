"""Work that is killed, or meets a broken or full disk, at any moment: the same command again ends as if nothing was.

Each command runs in a forked process; `KILLS` and `FAULTS` are targets of ``long.py`` and, for a few cases, of
``test_interrupted.py``.
"""

from __future__ import annotations

import errno
import importlib
import io
import json
import math
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import torch
from commands import invoke, listing
from faults import faults
from fuzzing import Target
from tiny import RUN_TOML, save_codec
from voiced import speech

from vqspeech import audio

TRAIN_TOML = RUN_TOML.replace(
    "steps = 2",
    "steps = 6\ncheckpoint_every = 2\nvalidate_every = 2\nlog_every = 1\nvalidation_batches = 1",
)
RECIPE = (
    "model.encoder.channels=8", "model.encoder.residual_dilations=[1]", "model.encoder.dim=4",
    "model.quantizer.codebook_size=8", "model.decoder.channels=8", "model.decoder.dilations=[1]",
    "model.decoder.frame_channels=4", "model.decoder.pitch_channels=4", "model.decoder.pitch_dilations=[1]",
    "model.spectral.channels=8", "train.steps=4", "train.batch_size=2", "train.crop_samples=8000",
    "train.start_crops=4", "train.log_every=2", "train.checkpoint_every=2", "train.validation_batches=1",
    "decoders={}", "judge.utterances=0", "listen.utterances=1", "listen.conversions=1", "listen.max_seconds=0.3",
    "analyses=['codebook']",
)  # fmt: skip
COMMANDS = {
    "training": "train TRAIN_TOML --data-dir AUDIO",
    "prepare": "corpora prepare folder --data-dir AUDIO --workers 1",
    "encode": "encode RUN AUDIO",
    "convert": "convert RUN AUDIO --speaker p226 --temperature 0",
    "recipe": "recipe run vctk --corpus folder --data-dir AUDIO " + " ".join(f"--set {value}" for value in RECIPE),
}
TIMES = re.compile(r"second|speed|real_time|samples_per|stamp|(?:index\.html|results\.json|train_state\.pt)$")
"""Keys of values that differ from run to run: times, hashes of times, and sizes of such files."""

ENDED_S = 300.0


@dataclass
class Work:
    """A command, and what it leaves when nothing disturbs it.

    Parameters
    ----------
    words : the command without ``--out``
    log : file for what the forked process prints
    right : `content` of its output
    seconds : how long it takes
    operations : file operations that it does
    places : number of the next disturbed operation, with its error, for `faulty`
    """

    words: list[str]
    log: Path
    right: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    operations: int = 0
    places: Iterator[tuple[int, int]] = field(default_factory=lambda: iter(()))


def base(command: str, folder: Path) -> Work:
    """Make the inputs, run the command, and import here what it imported."""
    torch.set_num_threads(1)
    save_codec(folder / "run")
    for speaker, hertz in (("ann", 120), ("bob", 200)):
        for number in range(4):
            path = folder / "audio" / speaker / f"{number}.wav"
            audio.write(path, speech(1.2, hertz + 9 * number), 16000)
            path.with_suffix(".lab").write_text("0 6000000 AA1\n6000000 12000000 IY1\n")
    (folder / "train.toml").write_text(TRAIN_TOML)
    places = {"RUN": folder / "run", "AUDIO": folder / "audio", "TRAIN_TOML": folder / "train.toml"}
    work = Work([str(places.get(word, word)) for word in COMMANDS[command].split()], folder / "log")
    # The first time includes what is imported.
    for name in ("first", "right"):
        begin = time.monotonic()
        code, report = _forked(work, folder / name / "o")
        work.seconds = time.monotonic() - begin
        assert code == 0, report["output"]
        for module in report["modules"]:
            with suppress(Exception):
                importlib.import_module(module)
    work.right, work.operations = content(folder / "right" / "o"), report["operations"]
    assert not (other := _different(work.right, content(folder / "first" / "o"))), f"not repeated bit for bit: {other}"
    # Spread, so that a few cases are of all parts of the work.
    golden = (math.sqrt(5) - 1) / 2
    every = [(at, error) for at in range(work.operations) for error in (errno.EIO, errno.ENOSPC)]
    work.places = (every[int(number * golden * len(every)) % len(every)] for number in count())
    return work


def killed(work: Work, draw: Random, folder: Path) -> None:
    """Kill the command, before one of its file operations or at any time; run it again."""
    for number in count():
        out = folder / f"{number}" / "o"
        if number or draw.random() < 0.5:
            at = draw.randrange(work.operations)
            code, _ = _forked(work, out, at=at, error=None)
            when = f"killed before file operation {at} of {work.operations}"
        else:
            after_s = draw.uniform(0, work.seconds)
            code, _ = _forked(work, out, kill_after_s=after_s)
            when = f"killed after {after_s:.2f} of {work.seconds:.2f} s"
        if code == -signal.SIGKILL:
            break
        # It was faster this time.
        assert code == 0, f"ended with {code}"
    _ends_right(work, out, when)


def faulty(work: Work, draw: Random, folder: Path) -> None:
    """Let one file operation fail; the error says so, and the command run again succeeds."""
    at, error = next(work.places)
    when = f"{errno.errorcode[error]} at file operation {at} of {work.operations}"
    code, report = _forked(work, folder / "0" / "o", at=at, error=error)
    said = " ".join(report["output"].split())
    assert code in (0, 2) and "not expected" not in said, f"{when}: ended with {code}: {said[-200:]}"
    _ends_right(work, folder / "0" / "o", when)


def _ends_right(work: Work, out: Path, when: str) -> None:
    code, report = _forked(work, out)
    assert code == 0, f"{when}, then ended with {code}: {' '.join(report['output'].split())[-200:]}"
    assert not (other := _different(work.right, content(out))), f"{when}, then other files: {other}"
    beside = [path.name for path in out.parent.iterdir() if path != out]
    assert not beside, f"{when}: left {beside}"


def _forked(
    work: Work, out: Path, *, at: int = sys.maxsize, error: int | None = None, kill_after_s: float = math.inf
) -> tuple[int, dict[str, Any]]:
    """Run the command in a forked process; return its exit code, or minus a signal, and what it reports."""
    work.log.write_text("{}")
    process = os.fork()
    if process == 0:
        with suppress(BaseException):
            # Otherwise a training chooses its threads by the load of the machine, and writes the number down.
            os.environ["OMP_NUM_THREADS"] = "1"
            torch.set_num_threads(1)
            out.parent.mkdir(parents=True, exist_ok=True)
            with faults(out.parent, at, error) as found:
                result = invoke(*work.words, "--out", out)
            report = {"output": result.output, "operations": found.count, "modules": [*sys.modules]}
            work.log.write_text(json.dumps(report))
            os._exit(result.exit_code)
        os._exit(99)
    limit, waited = time.monotonic() + min(kill_after_s, ENDED_S), 0
    try:
        while waited == 0 and time.monotonic() < limit:
            waited, status = os.waitpid(process, os.WNOHANG)
            time.sleep(0.005)
    finally:
        if waited == 0:
            os.kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    # One that was killed may have written a part of its report.
    return code, json.loads(work.log.read_text()) if code >= 0 else {}


def content(out: Path) -> dict[str, Any]:
    """Map the files of a folder to their bytes, or to values without times."""
    return {name: _lasting(name, found) for name, found in listing(out).items()}


def _different(one: dict[str, Any], two: dict[str, Any]) -> str:
    """Name the files that differ."""
    return ", ".join(sorted(name for name in one.keys() | two.keys() if one.get(name, "") != two.get(name, "")))


def _lasting(name: str, found: bytes) -> Any:
    if name.endswith(("index.html", "stages/report.json")):
        # The page and its summary show the times.
        return None
    if name.endswith(".jsonl"):
        return [_without_times(json.loads(line)) for line in found.decode().splitlines()]
    if name.endswith("checksums.json"):
        # Equal train states may be written in other bytes, as their tensors share memory in other ways.
        return {key: value for key, value in json.loads(found).items() if key != "train_state.pt"}
    if name.endswith("results.json") or name.startswith("stages/"):
        return _without_times(json.loads(found))
    if name.endswith(".pt"):
        return _comparable(torch.load(io.BytesIO(found), weights_only=True))
    return found


def _comparable(value: Any) -> Any:
    """Replace tensors by their bytes."""
    if isinstance(value, torch.Tensor):
        return value.dtype, tuple(value.shape), value.numpy().tobytes()
    if isinstance(value, dict):
        return {key: _comparable(one) for key, one in value.items()}
    return [_comparable(one) for one in value] if isinstance(value, list | tuple) else value


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if not TIMES.search(key)}
        return {key: _without_times(one) for key, one in kept.items()}
    return [_without_times(one) for one in value] if isinstance(value, list) else value


def _target(kind: str, command: str, case: Any, cases: int) -> Target:
    return Target(name=f"{kind}: {command}", base=partial(base, command), case=case, cases=cases, limit_s=600.0)


KILLS = [
    _target("kills", command, killed, cases)
    for command, cases in (("training", 4), ("prepare", 2), ("encode", 2), ("convert", 2), ("recipe", 1))
]
FAULTS = [_target("faults", command, faulty, cases) for command, cases in (("training", 5), ("recipe", 2))]
