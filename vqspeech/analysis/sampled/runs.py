"""Durations of runs: how long the same code, or the same phone, is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Durations:
    """Durations of the runs of a set of sequences, without the first and last of each, which are cut.

    Parameters
    ----------
    runs : number of runs
    mean_s, median_s : in seconds
    single_share : share of the runs of one frame
    """

    runs: int
    mean_s: float
    median_s: float
    single_share: float


def run_lengths(sequence: Codes) -> tuple[Codes, Codes]:
    """Return the symbol and the length in frames of each run of a sequence (frames,), in order."""
    if not len(sequence):
        return sequence, sequence
    starts = np.flatnonzero(np.r_[True, sequence[1:] != sequence[:-1]])
    return sequence[starts], np.diff(np.r_[starts, len(sequence)])


def inner_runs(sequences: Sequence[Codes]) -> Codes:
    """Return the lengths in frames of the runs of sequences, without the first and the last of each."""
    return np.concatenate([np.zeros(0, np.int64), *(run_lengths(one)[1][1:-1] for one in sequences)])


def durations(lengths: Codes, frame_s: float) -> Durations | None:
    """Describe the lengths of runs in frames; None without any."""
    if not len(lengths):
        return None
    return Durations(
        runs=len(lengths),
        mean_s=float(lengths.mean() * frame_s),
        median_s=float(np.median(lengths) * frame_s),
        single_share=float((lengths == 1).mean()),
    )


def duration_distance_s(first: Codes, second: Codes, frame_s: float) -> float | None:
    """Compute the distance of two distributions of run lengths in seconds; None when either is empty.

    The 1-Wasserstein distance: the mean difference of their quantiles.
    """
    if not len(first) or not len(second):
        return None
    longest = int(max(first.max(), second.max()))
    shares = [np.cumsum(np.bincount(one, minlength=longest + 1)) / len(one) for one in (first, second)]
    return float(np.abs(shares[0] - shares[1]).sum() * frame_s)
