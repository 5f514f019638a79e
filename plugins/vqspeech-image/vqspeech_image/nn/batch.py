"""What goes into a model and what its loss gives: batches that may be parts of a larger one, and terms that sum up over the parts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Part(NamedTuple):
    """Which rows of a larger batch these are: rank, rank + ranks, ... of `rows`."""

    rank: int
    ranks: int
    rows: int

    def of(self, whole: Tensor) -> Tensor:
        """The rows of this part from a tensor (rows, ...) of the whole batch."""
        return whole[self.rank :: self.ranks]


class ImageBatch(NamedTuple):
    """Images.

    Parameters
    ----------
    pixels : (batch, height, width, channels) uint8
    labels : (batch,) int64 classes, -1 where unknown
    part : what these are of a batch that several processes or passes work on; None for the whole of it
    """

    pixels: Tensor
    labels: Tensor
    part: Part | None = None

    def to(self, device: torch.device) -> ImageBatch:
        """The batch on a device."""
        return ImageBatch(self.pixels.to(device), self.labels.to(device), self.part)

    @property
    def share(self) -> float:
        """Of the rows of the whole batch."""
        return 1.0 if self.part is None else len(self.pixels) / self.part.rows


class CodeBatch(NamedTuple):
    """Grids of codes.

    Parameters
    ----------
    codes : (batch, codebooks, height, width) int64
    labels : (batch,) int64 classes, -1 where unknown
    part : as in `ImageBatch`
    top : (batch, codebooks, height, width) int64 codes of the same images on a coarser grid, for a prior that is told them
    """

    codes: Tensor
    labels: Tensor
    part: Part | None = None
    top: Tensor | None = None

    def to(self, device: torch.device) -> CodeBatch:
        """The batch on a device."""
        top = None if self.top is None else self.top.to(device)
        return CodeBatch(self.codes.to(device), self.labels.to(device), self.part, top)

    @property
    def share(self) -> float:
        """Of the rows of the whole batch."""
        return 1.0 if self.part is None else len(self.codes) / self.part.rows


class Terms(NamedTuple):
    """A loss and its parts; see `vqspeech.training.task.Terms`. ``nll`` is in nats per dimension (a pixel's channel, or a code)."""

    total: Tensor
    terms: dict[str, Tensor]
    codes: Tensor
    mask: Tensor


class Bound(NamedTuple):
    """An upper bound of -log p(x), in nats per image.

    Parameters
    ----------
    total : (batch,)
    reconstruction : (batch,) -log p(x | z); None where the bound is no such sum
    latent : (batch,) what the latents cost beside it
    """

    total: Tensor
    reconstruction: Tensor | None = None
    latent: Tensor | None = None


def shared_terms(batch: ImageBatch | CodeBatch, total: Tensor, terms: dict[str, Tensor], codes: Tensor) -> Terms:
    """Means over a batch's rows, weighted so that those of all parts sum up to the mean over the whole batch.

    Parameters
    ----------
    total : scalar with gradient
    terms : name -> scalar
    codes : (batch, codebooks, positions) int64
    """
    mask = torch.ones(codes.shape[0], codes.shape[2], dtype=torch.bool, device=codes.device)
    weighted = {name: (batch.share * term).detach() for name, term in terms.items()}
    return Terms(batch.share * total, weighted, codes, mask)


def uniforms(
    shape: tuple[int, ...], part: Part | None, generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """Uniform numbers (batch, ...) in [0, 1) for the rows of a batch, the same however it is dealt out.

    Parameters
    ----------
    shape : of the numbers here, rows first
    part : which rows of the whole batch these are
    generator : on the CPU; None (evaluation) draws the same numbers every time
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    rows = shape[0] if part is None else part.rows
    drawn = torch.rand(rows, *shape[1:], generator=generator, dtype=torch.float64)
    return (drawn if part is None else part.of(drawn)).to(device)
