"""Channels of a recording that cannot be averaged."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

LEAST_LEFT = 0.03
"""Share of their power that the mean of channels keeps at least, or they cancel each other."""


def uncancelled(path: str | Path, file: Any, block_samples: int = 1 << 16) -> int | None:
    """Return the loudest channel of a file whose channels cancel each other, for example two out of phase; else None.

    Reads an open `soundfile.SoundFile` to its end. They do when their mean has less than `LEAST_LEFT` of their mean
    power; equal channels keep all of it, independent ones a share of one over their number.
    """
    import soundfile

    every, mixed = np.zeros(file.channels), 0.0
    with suppress(soundfile.LibsndfileError):
        while len(block := file.read(block_samples, dtype="float32", always_2d=True)):
            every += np.square(block, dtype=np.float64).sum(0)
            mixed += float(np.square(block.mean(axis=1), dtype=np.float64).sum())
    if not every.any() or not np.isfinite(every).all() or mixed >= LEAST_LEFT * every.mean():
        return None
    loudest = int(every.argmax())
    warnings.warn(f"{path}: its channels cancel each other; channel {loudest + 1} is taken alone", stacklevel=2)
    return loudest
