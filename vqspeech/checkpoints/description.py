"""Find a checkpoint and read its description. Imports no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import vqspeech
from vqspeech.checkpoints.directory import CONFIG, WEIGHTS
from vqspeech.checkpoints.hub import HubOptions
from vqspeech.checkpoints.names import locate
from vqspeech.errors import CheckpointError, unknown_name
from vqspeech.runs import RunDirectory

FORMAT = 1
"""Format of checkpoint directories that this release writes; newer ones are rejected."""


def list_checkpoints(run: Path) -> list[Path]:
    """Checkpoint directories of a run, oldest first."""
    return RunDirectory(run).list_checkpoints()


def describe(run: str | Path, which: str = "last", options: HubOptions | None = None) -> tuple[Path, dict[str, Any]]:
    """Find a checkpoint and read its config.json.

    Parameters
    ----------
    run : a run or checkpoint directory, the name of a trained model, or a repository; see `names.locate`
    which : ``"last"``, ``"best"`` (lowest validation loss), or a name such as ``"step-00002000"``
    options : how a repository is fetched

    Raises
    ------
    CheckpointError : when there is none, it is torn, or of a newer format
    InputError : as `names.locate`
    """
    run = locate(run, options)
    if (run / WEIGHTS).exists():
        path = run
    else:
        checkpoints = list_checkpoints(run)
        if not checkpoints:
            raise CheckpointError(f"{run} holds no checkpoint (looked for {run}/checkpoints/step-*); train it first")
        names = [item.name for item in checkpoints]
        if which == "last":
            path = checkpoints[-1]
        elif which == "best":
            path = _best(run) or checkpoints[-1]
        elif which in names:
            path = checkpoints[names.index(which)]
        else:
            raise unknown_name("checkpoint", which, ["last", "best", *names])
    try:
        facts = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        version = int(facts["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from error
    if version > FORMAT:
        raise CheckpointError(
            f"{path} has format {version}, written by vqspeech {facts.get('vqspeech')}; this is vqspeech "
            f"{vqspeech.__version__}, which reads formats up to {FORMAT}. Upgrade: pip install -U vqspeech"
        )
    return path, facts


def _best(run: Path) -> Path | None:
    path = RunDirectory(run).best
    if not path.exists():
        return None
    try:
        return path.parent / str(json.loads(path.read_text(encoding="utf-8"))["checkpoint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); name a checkpoint, or take the last one") from error
