"""The checkpoints of a run: which are kept, and which is the newest that can be used."""

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

from vqspeech.checkpoints.directory import TRAIN_STATE, damage
from vqspeech.files import write_json
from vqspeech.runs import RunDirectory


@dataclass(frozen=True)
class Best:
    """The checkpoint of the lowest validation loss.

    Parameters
    ----------
    nll : that loss, nats per sample
    name : of its directory; None before there is one
    """

    nll: float = math.inf
    name: str | None = None


class Checkpoints:
    """The folder ``checkpoints`` of a run directory.

    Parameters
    ----------
    run : the run directory
    keep_last : how many of the newest are kept, beside the best
    """

    def __init__(self, run: Path, keep_last: int) -> None:
        self.run = RunDirectory(run)
        self.root = self.run.checkpoints
        self.keep_last = keep_last

    def path(self, step: int) -> Path:
        """The directory of a step's checkpoint."""
        return self.run.checkpoint(step)

    def read(self, path: Path, device: torch.device) -> dict[str, Any]:
        """The train state of a checkpoint.

        Raises
        ------
        OSError, RuntimeError, ValueError, KeyError, EOFError, UnpicklingError : when it is torn
        """
        state: dict[str, Any] = torch.load(path / TRAIN_STATE, map_location=device, weights_only=True)
        return state

    def newest(self, take_up: Callable[[Path], None]) -> Path | None:
        """The newest checkpoint that can be used; warns of those after it that cannot, with the reason.

        Parameters
        ----------
        take_up : called with a checkpoint whose files are as they were written; raises what `read` raises when it is of no use
        """
        for path in reversed(self.run.list_checkpoints()):
            reason = damage(path)
            if reason is None:
                try:
                    take_up(path)
                    return path
                except (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
                    reason = (
                        str(error).partition("\n")[0].partition(". ")[0]
                    )  # torch goes on to advise weights_only=False
            warnings.warn(f"checkpoint {path} cannot be used ({reason}); trying the one before", stacklevel=2)
        return None

    def tidy(self, best: Best) -> None:
        """Delete what is neither among the newest nor the best, and what a killed process left half done; say which is the best."""
        if best.name is not None:
            write_json(self.run.best, {"checkpoint": best.name, "nll_bits": best.nll / math.log(2)})
        for old in self.run.list_checkpoints()[: -self.keep_last]:
            if old.name != best.name:
                dropped = old.with_name(f".{old.name}.old")  # so that no half of it has the name of a checkpoint
                shutil.rmtree(dropped, ignore_errors=True)
                shutil.rmtree(old.rename(dropped))
        for left in self.root.glob(".step-*"):
            shutil.rmtree(left, ignore_errors=True)
