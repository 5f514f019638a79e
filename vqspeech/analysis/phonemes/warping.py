"""Dynamic time warping of many pairs of tokens, as compiled code."""

from __future__ import annotations

import numpy as np

from vqspeech.kernels.numeric import compiled


@compiled
def warp(cost, rows, columns, found):  # type: ignore[no-untyped-def]
    """Compute the mean cost along the path of least total cost; steps go forward in one token or in both.

    Of equal totals, the step in both tokens is taken, then the one in the first.

    Parameters
    ----------
    cost : (pairs, n, m) float64
    rows, columns : (pairs,) int64 size of each matrix, at least 1
    found : (pairs,) float64, receives the means
    """
    width = cost.shape[2] + 1
    total, steps = np.empty((2, width)), np.empty((2, width))
    for pair in range(len(cost)):
        total[0, 0], steps[0, 0] = 0.0, 0.0
        total[0, 1:] = np.inf
        for i in range(rows[pair]):
            above, here = i % 2, 1 - i % 2
            total[here, 0] = np.inf
            for j in range(columns[pair]):
                best, taken = total[above, j], steps[above, j]
                if total[above, j + 1] < best:
                    best, taken = total[above, j + 1], steps[above, j + 1]
                if total[here, j] < best:
                    best, taken = total[here, j], steps[here, j]
                total[here, j + 1] = cost[pair, i, j] + best
                steps[here, j + 1] = taken + 1
        last = rows[pair] % 2
        found[pair] = total[last, columns[pair]] / steps[last, columns[pair]]
