"""Why training stops before its end: signals, noted and obeyed between steps, and failures said in the user's terms."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed as dist

from vqspeech.config import TrainConfig
from vqspeech.errors import VQSpeechError

SAME_WISH_S = 2.0
"""Signals this close together are one wish where torchrun passes on what the terminal has already sent to everyone."""


class TrainingError(VQSpeechError):
    """Training that cannot go on (exit code 1)."""


class Interrupted(TrainingError):  # noqa: N818
    """Training stopped by a signal after saving (exit code 130, as for Ctrl-C)."""

    exit_code = 130


@contextmanager
def noted_signals(same_wish_s: float = 0.0) -> Iterator[list[int]]:
    """SIGINT and SIGTERM put their number into the list instead of killing; a second one does kill.

    Parameters
    ----------
    same_wish_s : seconds after the first signal in which further ones are let pass
    """
    caught: list[int] = []
    first = 0.0

    def note(number: int, frame: Any) -> None:
        nonlocal first
        if not caught:
            first = time.monotonic()
            caught.append(number)
        elif time.monotonic() - first >= same_wish_s:
            raise KeyboardInterrupt

    before: dict[int, Any] = {}
    try:
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            before[number] = signal.signal(number, note)
    except ValueError:  # not the main thread: whoever runs us handles signals
        pass
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def explained(error: RuntimeError, train: TrainConfig, step: int) -> Exception:
    """What the user should read for a failure of PyTorch at a step (-1: the data-dependent start); the error itself where that is unknown.

    Parameters
    ----------
    error : what was raised
    train : the configuration, whose settings the message names
    step : the step that failed
    """
    reason = str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
    if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in reason:
        if step < 0:
            where, remedy = "the start", f"Lower train.start_crops (now {train.start_crops})"
        else:
            where = f"step {step}"
            remedy = (
                f"Raise train.accumulate (now {train.accumulate}), which computes the same batch in smaller parts and lets the run go on, or "
                f"lower train.batch_size (now {train.batch_size}), train.window_samples (now {train.window_samples or 'the whole crop'})"
            )
        return TrainingError(
            f"out of memory at {where}: {reason}. {remedy} or train.crop_samples (now {train.crop_samples})"
        )
    if isinstance(error, dist.DistError) or "gloo" in str(error) or "NCCL" in str(error):
        return TrainingError(
            f"another process of this job ended or cannot be reached ({reason}); see what it said. Run the same command again to go on "
            "from the last checkpoint"
        )
    return error
