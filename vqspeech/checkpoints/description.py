"""Find a checkpoint and read its description. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vqspeech.checkpoints.directory import WEIGHTS
from vqspeech.checkpoints.facts import FORMAT as FORMAT
from vqspeech.checkpoints.facts import read_facts
from vqspeech.checkpoints.hub import HubOptions
from vqspeech.checkpoints.names import locate
from vqspeech.errors import CheckpointError, unknown_name
from vqspeech.runs import RunDirectory
from vqspeech.untrusted import json_object, text


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
    return path, read_facts(path)


def _best(run: Path) -> Path | None:
    path = RunDirectory(run).best
    if not path.is_file():
        return None
    try:
        name = text(json_object(path.read_bytes()).get("checkpoint"), "checkpoint")
        if name not in [item.name for item in list_checkpoints(run)]:
            raise ValueError(f"it names {name!r}, which is no checkpoint of this run")
        return path.parent / name
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); name a checkpoint, or take the last one") from error
