"""Levels of codes: the grids into which a model encodes an image, coarsest first."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from torch import Tensor


class Level(NamedTuple):
    """One grid of codes.

    Parameters
    ----------
    name : ``top`` or ``bottom``; empty for a single level
    grid : (rows, columns)
    codebook_sizes : sizes of the codebooks at each position
    """

    name: str
    grid: tuple[int, int]
    codebook_sizes: tuple[int, ...]

    @property
    def nats(self) -> float:
        """Nats of an image's codes under a uniform prior: positions * sum of log K over codebooks."""
        rows, columns = self.grid
        return rows * columns * sum(math.log(size) for size in self.codebook_sizes)

    @property
    def codes(self) -> int:
        """Number of codes of an image."""
        return self.grid[0] * self.grid[1] * len(self.codebook_sizes)

    def __str__(self) -> str:
        """Return ``8 x 8 x 10`` for rows, columns and codebooks."""
        return f"{self.grid[0]} x {self.grid[1]} x {len(self.codebook_sizes)}"


class TwoLevels(NamedTuple):
    """Codes (batch, codebooks, rows, columns) int64 of a coarse and of a fine grid."""

    top: Tensor
    bottom: Tensor


def codes_of(model: Any, pixels: Tensor) -> tuple[Tensor, ...]:
    """Encode pixels (batch, height, width, channels) uint8 to the codes of each level."""
    codes = model.encode(pixels)
    return (codes,) if isinstance(codes, Tensor) else tuple(codes)
