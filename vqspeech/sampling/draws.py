"""Random numbers that do not depend on batch, chunk or engine."""

from __future__ import annotations

import numpy as np


def uniforms(seed: int, stream: int, first: int, count: int) -> np.ndarray:
    """Draw uniform numbers first, first + 1, ... of a stream: (count,) float64 in [0, 1).

    Philox with key (seed, stream) gives four numbers per counter value, so no earlier numbers are needed.
    """
    philox = np.random.Philox(key=np.array([seed % 2**64, stream % 2**64], dtype=np.uint64))
    philox.advance(first // 4)
    return np.random.Generator(philox).random(first % 4 + count)[first % 4 :]
