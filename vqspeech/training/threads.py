"""The number of threads of a training on a CPU: one that fits the load, recorded with the run.

Threads of one operation wait for each other at its end. Beside another busy program, each of these waits lasts until
the slowest thread has had its turn, so that fewer threads are faster. The order of sums depends on their number: a run
keeps it.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from vqspeech.config import TrainConfig
from vqspeech.files import write_json
from vqspeech.kernels.workers import workers
from vqspeech.training.load import LEAST_S, Load, available_cores
from vqspeech.untrusted import whole

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables by which a user chooses the number of threads."""

LITTLE = 0.2
"""Cores that others may use before a thread is given up for them."""


def explicit() -> bool:
    """Return whether the user has chosen the number of PyTorch's threads, by a variable or in PyTorch."""
    return any(os.environ.get(name) for name in VARIABLES) or torch.get_num_threads() not in _defaults()


def fitting(cores: int, others: float, pieces: int) -> int:
    """Return the number of threads that is fastest.

    Parameters
    ----------
    cores : cores that may be used
    others : cores of these that other programs use
    pieces : pieces that the decoder's loss is computed in, see `vqspeech.kernels.workers`; 1 for none
    """
    free = max(1, cores - int(others + 1 - LITTLE))
    # A second thread for the rest of a step gains a fifth at most, and waits for seconds when a program starts later.
    return 1 if pieces > 1 and free <= 2 else free


def decoder_pieces(train: TrainConfig, model: Any) -> int:
    """Return the number of pieces that the loss of a model's decoder is computed in; 1 for none."""
    number = getattr(getattr(model, "decoder", None), "pieces", None)
    return 1 if number is None else number(train.batch_size, train.window_samples or train.crop_samples)


@contextmanager
def fitted_threads(record: Path, load: Load, pieces: int) -> Iterator[int]:
    """Set PyTorch's threads within the block: as the user has chosen, as recorded, or as the load suggests.

    The decoder's pieces are computed by as many workers as PyTorch had threads before.

    Parameters
    ----------
    record : JSON file of the number that the run was trained with; written
    load : measured since some time
    pieces : as for `fitting`

    Yields
    ------
    The number of threads
    """
    before, known = torch.get_num_threads(), _recorded(record)
    chosen = before
    if not explicit():
        if known is None:
            chosen = min(before, _measured(load, pieces))
        elif known <= before:
            chosen = known
        else:
            warnings.warn(
                f"{record.parent} was trained with {known} threads, and this machine has {before}: it continues with "
                f"{before}, which rounds differently",
                stacklevel=3,
            )
    if chosen != known:
        write_json(record, {"threads": chosen})
    torch.set_num_threads(chosen)
    try:
        with workers(before):
            yield chosen
    finally:
        torch.set_num_threads(before)


def busy_note(load: Load, threads: int, pieces: int) -> str:
    """Return what to add to the progress line: that the machine is busy, and what would help; empty if it is not."""
    others = load.others(least_s=2.0)
    if others <= LITTLE:
        return ""
    fit = fitting(load.cores, others, pieces)
    repeat = f", or stop and repeat with OMP_NUM_THREADS={fit}" if fit < threads else ""
    return f"  other programs use {others:.1f} of {load.cores} cores: end them{repeat}"


def _measured(load: Load, pieces: int) -> int:
    """Return the number that fits the load, and say so if it is less than without a load."""
    time.sleep(max(0.0, LEAST_S - load.seconds))
    others = load.others()
    fit = fitting(load.cores, others, pieces)
    if fit < fitting(load.cores, 0.0, pieces):
        print(
            f"other programs use {others:.1f} of {load.cores} cores: training with {fit} "
            f"thread{'s' * (fit > 1)} (OMP_NUM_THREADS chooses another number)",
            file=sys.stderr,
        )
    return fit


def _recorded(record: Path) -> int | None:
    """Return the recorded number; None for a run that has none, or a damaged file."""
    try:
        return whole(json.loads(record.read_text(encoding="utf-8"))["threads"], "threads", 1)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _defaults() -> set[int]:
    """Return the numbers that PyTorch may start with: of the available cores, or of the physical ones among them."""
    siblings = set()
    for core in available_cores():
        path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
        try:
            siblings.add(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            siblings.add(str(core))
    return {len(available_cores()), len(siblings)}
