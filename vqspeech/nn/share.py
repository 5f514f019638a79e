"""Shares of a global batch, for losses and random numbers independent of its division."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Share(NamedTuple):
    """Rows of a global batch in one process or pass, with the global normalisers.

    Parameters
    ----------
    rank, ranks : the rows are rank, rank + ranks, ... of the global batch
    rows : number of rows of the global batch
    samples : real samples of the global batch that the decoder is trained on
    frames : frames of the global batch that cover at least one real sample
    """

    rank: int
    ranks: int
    rows: int
    samples: int = 0
    frames: int = 0

    def of(self, whole: Tensor) -> Tensor:
        """Select the rows of this share from a tensor (rows, ...) of the global batch."""
        return whole[self.rank :: self.ranks]


def uniforms(
    shape: tuple[int, ...], share: Share | None, generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """Draw uniform numbers in [0, 1) for the rows of a batch; equal however the batch is divided.

    Parameters
    ----------
    shape : (rows of this share, ...)
    share : None for a whole batch
    generator : on the CPU; None (evaluation) draws the same numbers at every call

    Returns
    -------
    float64 tensor of `shape` on `device`
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    rows = shape[0] if share is None else share.rows
    drawn = torch.rand(rows, *shape[1:], generator=generator, dtype=torch.float64)
    return (drawn if share is None else share.of(drawn)).to(device)
