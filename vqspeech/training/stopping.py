"""Stopping before the last step: signals, handled between steps, and failures."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

from vqspeech.config import TrainConfig
from vqspeech.errors import VQSpeechError

DUPLICATE_SIGNAL_S = 2.0
"""Signals closer together than this are one under torchrun, which repeats what the terminal sent to every process."""


class TrainingError(VQSpeechError):
    """Training that cannot continue (exit code 1)."""


class Interrupted(TrainingError):  # noqa: N818
    """Training that a signal stopped, after saving (exit code 130, as for Ctrl-C)."""

    exit_code = 130


def interrupted(number: int, step: int, steps: int, checkpoint: Path) -> Interrupted:
    """Return the exception for a run that signal `number` stopped at a step of `steps`, saved in `checkpoint`."""
    saved = f"saved {checkpoint}. Run the same command again to continue"
    return Interrupted(f"{signal.Signals(number).name} at step {step} of {steps}; {saved}")


@contextmanager
def deferred_signals(duplicate_s: float = 0.0) -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in the yielded list; a second signal raises KeyboardInterrupt.

    Parameters
    ----------
    duplicate_s : seconds after the first signal in which further ones are ignored
    """
    caught: list[int] = []
    first = 0.0

    def handle(number: int, frame: Any) -> None:
        nonlocal first
        if not caught:
            first = time.monotonic()
            caught.append(number)
        elif time.monotonic() - first >= duplicate_s:
            raise KeyboardInterrupt

    before: dict[int, Any] = {}
    try:
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            before[number] = signal.signal(number, handle)
    except ValueError:
        # Not the main thread: the caller handles signals.
        pass
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def described(error: RuntimeError | MemoryError, train: TrainConfig, step: int) -> Exception:
    """Return an error with advice for a failure of PyTorch or NumPy, or `error` itself.

    Parameters
    ----------
    error : the failure
    train : the configuration, whose settings the message names
    step : the step that failed; -1 for the data-dependent start
    """
    # On a CPU, PyTorch's message begins with the place in its source.
    message = re.sub(r"^\[enforce fail at .*?\] .*?\. (?=\w)", "", str(error))
    reason = message.partition("\n")[0].partition(". ")[0].rstrip(".") or type(error).__name__
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in message:
        if step < 0:
            where, remedy = "the start", f"Lower train.start_crops (now {train.start_crops})"
        else:
            where = f"step {step}"
            window = train.window_samples or "the whole crop"
            remedy = (
                f"Raise train.accumulate (now {train.accumulate}), which computes the same batch in smaller parts and "
                f"lets the run continue, or lower train.batch_size (now {train.batch_size}), "
                f"train.window_samples (now {window})"
            )
        return TrainingError(
            f"out of memory at {where}: {reason}. {remedy} or train.crop_samples (now {train.crop_samples})"
        )
    if isinstance(error, dist.DistError) or "gloo" in str(error) or "NCCL" in str(error):
        return TrainingError(
            f"another process of this job ended or cannot be reached ({reason}); see its messages. "
            "Run the same command again to continue from the last checkpoint"
        )
    return error
