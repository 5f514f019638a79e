"""Shares of a global batch, for losses and random numbers independent of its division."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from vqspeech.nn.draws import drawn


class Share(NamedTuple):
    """Rows of a global batch in one process or pass, with the global normalisers.

    Parameters
    ----------
    rank, ranks : the rows are rank, rank + ranks, ... of the global batch
    rows : number of rows of the global batch
    samples : real samples of the global batch that the decoder is trained on
    frames : frames of the global batch that cover at least one real sample

    The last two are numbers, or scalar tensors in a step that is recorded for other batches; see `at_least_one`.
    """

    rank: int
    ranks: int
    rows: int
    samples: int | Tensor = 0
    frames: int | Tensor = 0

    def of(self, whole: Tensor) -> Tensor:
        """Select the rows of this share from a tensor (rows, ...) of the global batch."""
        return whole[self.rank :: self.ranks]


def at_least_one(count: int | Tensor) -> int | Tensor:
    """Return a count to divide by: 1 instead of 0."""
    return count.clamp_min(1) if isinstance(count, Tensor) else max(1, count)


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
    return _rows(partial(torch.rand, dtype=torch.float64), shape, share, generator, device)


def normals(
    shape: tuple[int, ...], share: Share | None, generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """Draw normal numbers, float32, as `uniforms` draws uniform ones."""
    return _rows(torch.randn, shape, share, generator, device)


def _rows(
    kind: Callable[..., Tensor],
    shape: tuple[int, ...],
    share: Share | None,
    generator: torch.Generator | None,
    device: torch.device,
) -> Tensor:
    """Draw numbers for the global batch, and return those of this share."""
    rows = shape[0] if share is None else share.rows

    def draw(source: torch.Generator) -> Tensor:
        whole = kind(rows, *shape[1:], generator=source)
        return whole if share is None else share.of(whole)

    return drawn(draw, torch.Generator().manual_seed(0) if generator is None else generator, device)
