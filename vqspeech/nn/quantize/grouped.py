"""Grouped (product) quantization: each codebook quantizes a part of the channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import cast

import torch
from torch import Tensor, nn

from vqspeech.nn.quantize.ema import EMAVectorQuantizer
from vqspeech.nn.quantize.hyperparameters import require
from vqspeech.nn.quantize.protocol import Quantized, Quantizer
from vqspeech.nn.quantize.terms import fidelity, mean_terms
from vqspeech.nn.share import Share


class GroupedQuantizer(Quantizer):
    """Product quantization with any quantizers (Jegou et al. 2011).

    In a VQ-VAE: Baevski et al. (2020, arXiv 1910.05453, section 3.2). Each group of channels has its own quantizer; n
    codebooks of K codes represent K^n latents. Losses are means over groups, which equals the mean over all dimensions
    for groups of equal width.

    Parameters
    ----------
    groups : quantizers, one for each consecutive ``dim`` channels
    """

    def __init__(self, groups: Sequence[Quantizer]) -> None:
        super().__init__()
        self.groups = nn.ModuleList(groups)
        self.dim = sum(group.dim for group in groups)
        self.codebook_sizes = tuple(size for group in groups for size in group.codebook_sizes)
        self.distance = groups[-1].distance
        self.stochastic = any(group.stochastic for group in groups)
        self._channels = _slices([group.dim for group in groups])
        self._books = _slices([len(group.codebook_sizes) for group in groups])

    def start(self, frames: Tensor, generator: torch.Generator) -> None:
        """See `Quantizer.start`."""
        for group, channels in zip(self._quantizers(), self._channels, strict=True):
            group.start(frames[:, channels], generator)

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `Quantizer.encode`."""
        parts = zip(self._quantizers(), self._channels, strict=True)
        return torch.cat([group.encode(z[:, channels], mask) for group, channels in parts], 1)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`."""
        parts = zip(self._quantizers(), self._books, strict=True)
        return torch.cat([group.decode(codes[:, books]) for group, books in parts], 1)

    def forward(
        self,
        z: Tensor,
        mask: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        share: Share | None = None,
    ) -> Quantized:
        """See `Quantizer.forward`."""
        parts = [
            group.quantize(z[:, channels], mask, generator, share)
            for group, channels in zip(self._quantizers(), self._channels, strict=True)
        ]
        z_q = torch.cat([part.z_q for part in parts], 1)
        real = z.float() if mask is None else z.float().masked_fill(~mask[:, None], 0)
        return Quantized(
            z_q,
            torch.cat([part.codes for part in parts], 1),
            mean_terms([part.losses for part in parts]),
            {**mean_terms([part.stats for part in parts]), **fidelity(real, z_q, mask)},
        )

    def update(self, generator: torch.Generator) -> None:
        """See `Quantizer.update`."""
        for group in self._quantizers():
            group.update(generator)

    def _quantizers(self) -> list[Quantizer]:
        return cast(list[Quantizer], list(self.groups))


def _slices(widths: Sequence[int]) -> list[slice]:
    return [slice(begin, end) for begin, end in pairwise([0, *accumulate(widths)])]


def grouped_vq(
    dim: int,
    *,
    groups: int = 2,
    codebook_size: int = 64,
    beta: float = 0.25,
    data_start: bool = True,
    decay: float = 0.99,
    revive_below: float = 0.1,
    revive_every: int = 10,
) -> GroupedQuantizer:
    """Make `groups` moving-average codebooks for equal groups of channels.

    Raises
    ------
    ConfigError : channels that cannot be divided equally, and as in `EMAVectorQuantizer`
    """
    require(groups >= 1 and dim % groups == 0, "groups", groups, f"a divisor of the {dim} channels of the latents")
    return GroupedQuantizer(
        [
            EMAVectorQuantizer(
                dim // groups,
                codebook_size=codebook_size,
                beta=beta,
                data_start=data_start,
                decay=decay,
                revive_below=revive_below,
                revive_every=revive_every,
            )
            for _ in range(groups)
        ]
    )
