"""Bootstrap confidence intervals over whole groups, since frames of a speaker are dependent."""

from __future__ import annotations

import numpy as np

RESAMPLES = 1000


def bootstrap_interval(correct: np.ndarray, group: np.ndarray, seed: int) -> tuple[float, float] | None:
    """Compute the 95 % percentile interval of a share or mean difference over whole groups.

    Groups are drawn with replacement; the result is None with fewer than two groups.

    The interval is widened to hold the estimate itself where the percentiles of a few very uneven groups miss it.

    Parameters
    ----------
    correct : (frames,) bool, or float such as the difference of two such arrays (paired)
    group : (frames,) the group of each frame, for example its speaker
    """
    _, ids = np.unique(group, return_inverse=True)
    total = np.bincount(ids)
    if len(total) < 2:
        return None
    hits = np.bincount(ids, weights=correct)
    draws = np.random.default_rng(seed).multinomial(len(total), np.full(len(total), 1 / len(total)), size=RESAMPLES)
    low, high = np.percentile((draws @ hits) / (draws @ total), (2.5, 97.5))
    estimate = float(hits.sum() / total.sum())
    return min(float(low), estimate), max(float(high), estimate)
