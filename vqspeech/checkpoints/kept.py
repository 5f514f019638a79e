"""The checkpoints that a run keeps, and the newest one that can be used."""

from __future__ import annotations

import math
import pickle
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vqspeech.checkpoints.directory import FILES, TRAIN_STATE, damage
from vqspeech.files import files_below, write_json
from vqspeech.runs import RunDirectory
from vqspeech.runs.made import is_half_checkpoint


@dataclass(frozen=True)
class Best:
    """The checkpoint of the lowest validation criterion.

    Parameters
    ----------
    criterion : name of the term of the loss that is compared
    value : its value, in the unit of the loss: nats for ``"nll"``
    name : name of the checkpoint's directory; None without a checkpoint
    """

    criterion: str = "nll"
    value: float = math.inf
    name: str | None = None


class Checkpoints:
    """The folder ``checkpoints`` of a run directory.

    Parameters
    ----------
    run : the run directory
    keep_last : number of the newest checkpoints to keep, besides the best
    """

    def __init__(self, run: Path, keep_last: int) -> None:
        self.run = RunDirectory(run)
        self.root = self.run.checkpoints
        self.keep_last = keep_last

    def path(self, step: int) -> Path:
        """Return the directory of a step's checkpoint."""
        return self.run.checkpoint(step)

    def read(self, path: Path, device: torch.device) -> dict[str, Any]:
        """Read the train state of a checkpoint.

        Raises
        ------
        OSError, RuntimeError, ValueError, KeyError, EOFError, UnpicklingError : when it is torn
        """
        if not (path / TRAIN_STATE).is_file():
            raise FileNotFoundError(f"it has no file {TRAIN_STATE}")
        state: dict[str, Any] = torch.load(path / TRAIN_STATE, map_location=device, weights_only=True)
        return state

    def newest(self, load: Callable[[Path], None]) -> Path | None:
        """Load the newest usable checkpoint and return its path; warn of newer ones, with the reason.

        Parameters
        ----------
        load : called with a checkpoint whose files are as they were written; raises what `read` raises
        """
        for path in reversed(self.run.list_checkpoints()):
            reason = damage(path)
            if reason is None:
                try:
                    load(path)
                    return path
                except (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
                    # Further on, torch advises weights_only=False.
                    reason = str(error).partition("\n")[0].partition(". ")[0]
            warnings.warn(f"checkpoint {path} cannot be used ({reason}); trying the one before", stacklevel=2)
        return None

    def tidy(self, best: Best) -> None:
        """Record the best checkpoint; delete obsolete ones and files of killed processes.

        An obsolete checkpoint with files that vqspeech did not write there stays.
        """
        if best.name is not None:
            write_json(self.run.best, {"checkpoint": best.name, "criterion": best.criterion, "value": best.value})
        for old in self.run.list_checkpoints()[: -self.keep_last]:
            if old.name != best.name and FILES.issuperset(files_below(old)):
                # Renamed first, so that a half-deleted one does not have the name of a checkpoint.
                dropped = old.with_name(f".{old.name}.old")
                shutil.rmtree(dropped, ignore_errors=True)
                shutil.rmtree(old.rename(dropped))
        for left in self.root.glob(".step-*"):
            if is_half_checkpoint(left.name) and FILES.issuperset(files_below(left)):
                shutil.rmtree(left, ignore_errors=True)
