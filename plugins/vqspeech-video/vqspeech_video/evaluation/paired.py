"""Means over clips with intervals: clips, not frames, are independent."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.analysis.resampling import bootstrap_interval

Result = dict[str, Any]


def mean_over_clips(values: npt.NDArray[np.floating], seed: int = 0) -> Result:
    """Compute the mean of a figure over clips and its 95 % bootstrap interval.

    The figure may be a difference of two conditions of the same clip; the interval is that of the paired difference.

    Parameters
    ----------
    values : (clips,) or (clips, steps); steps of a clip are drawn together
    seed : seed of the resamples

    Returns
    -------
    ``mean``, ``ci95`` (low, high; None with fewer than two clips) and ``clips``
    """
    clips = len(values)
    table = np.asarray(values, np.float64).reshape(clips, -1)
    groups = np.repeat(np.arange(clips), table.shape[1])
    interval = bootstrap_interval(table.ravel(), groups, seed)
    return {"mean": float(table.mean()), "ci95": None if interval is None else list(interval), "clips": clips}


def excludes_zero(figure: Result) -> bool:
    """Return whether the interval of a figure lies on one side of 0."""
    return figure["ci95"] is not None and (figure["ci95"][0] > 0 or figure["ci95"][1] < 0)
