"""Random numbers of batches: counter-based, so that a batch is a function of (seed, stream, step)."""

from __future__ import annotations

import numpy as np

TRAIN, VALID, START = 0, 1, 2
"""Streams of random numbers; batches of different streams are independent."""


def generator(seed: int, stream: int, number: int) -> np.random.Generator:
    """Generate the random numbers of one step or epoch.

    Philox (Salmon et al. 2011) with key (seed, stream) and counter number * 2^192.

    Parameters
    ----------
    seed : of the run
    stream : `TRAIN`, `VALID`, `START`, or another small number
    number : of the step or epoch
    """
    key = np.array([seed % 2**64, stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, number], dtype=np.uint64)))
