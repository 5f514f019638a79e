"""Measures on codes: agreement, diversity of samples, drift."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vqspeech.errors import InputError

Codes = npt.NDArray[np.integer]


def agreement(codes: Codes, others: Codes) -> npt.NDArray[np.float64]:
    """Compute the share of positions with equal codes.

    Parameters
    ----------
    codes, others : (..., codebooks, rows, columns) of one shape

    Returns
    -------
    (...)
    """
    return np.asarray((codes == others).mean((-3, -2, -1)))


def diversity(samples: Codes) -> npt.NDArray[np.float64]:
    """Compute the share of positions in which two samples of one clip differ, a mean over all pairs of samples.

    Parameters
    ----------
    samples : (clips, samples, frames, codebooks, rows, columns), at least two samples of each clip

    Returns
    -------
    (clips, frames)

    Raises
    ------
    InputError : for fewer than two samples
    """
    count = samples.shape[1]
    if count < 2:
        raise InputError(f"diversity compares the samples of a clip with each other; at least 2, given {count}")
    pairs = [
        1 - agreement(samples[:, first], samples[:, second])
        for first in range(count)
        for second in range(first + 1, count)
    ]
    return np.asarray(np.mean(pairs, 0))
