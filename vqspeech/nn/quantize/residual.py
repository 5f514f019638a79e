"""Residual quantization: each codebook quantizes the residual of the previous ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor, nn

from vqspeech.errors import InputError
from vqspeech.nn.quantize.ema import EMAVectorQuantizer
from vqspeech.nn.quantize.hyperparameters import require
from vqspeech.nn.quantize.protocol import Quantized, Quantizer
from vqspeech.nn.quantize.terms import fidelity, mean_terms, straight_through
from vqspeech.nn.share import Share, uniforms


class ResidualQuantizer(Quantizer):
    """Residual vector quantization (Zeghidour et al. 2021, arXiv 2107.03312, algorithm 1).

    After Juang and Gray (1982): r_1 = z, e_l = Q_l(r_l), r_{l+1} = r_l - sg[e_l], z_q = sum e_l. The stop-gradient
    applies to e_l only, so the commitment loss of every level reaches the latents; with r_l - Q_l(r_l) and a
    straight-through Q_l, as in encodec, the gradient of level 2 and above is zero (encodec issue 25). Losses are means
    over levels, so that their weight does not depend on the number of levels.

    Parameters
    ----------
    levels : quantizers of equal ``dim``, coarse to fine
    dropout : share of rows in training that a random number of first levels quantizes alone, so that the decoder knows
        codes of every rate (Zeghidour et al. 2021, section III.C)
    """

    def __init__(self, levels: Sequence[Quantizer], dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        self.levels = nn.ModuleList(levels)
        self.dim = levels[0].dim
        self.codebook_sizes = tuple(size for level in levels for size in level.codebook_sizes)
        self.distance = levels[-1].distance
        self.stochastic = any(level.stochastic for level in levels)
        ends = list(accumulate(len(level.codebook_sizes) for level in levels))
        self._books = [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]

    def decode_in_training(self, codes: Tensor, generator: torch.Generator, share: Share | None = None) -> Tensor:
        """See `Quantizer.decode_in_training`: rows that dropout chooses keep their first levels."""
        kept = self._kept(len(codes), generator, share, codes.device)
        books = zip(self._quantizers(), self._books, strict=True)
        parts = [level.decode(codes[:, book]) for level, book in books]
        if kept is not None:
            parts = [part * (number < kept)[:, None, None] for number, part in enumerate(parts)]
        return torch.stack(parts).sum(0)

    def first(self, codebooks: int) -> Quantizer:
        """See `Quantizer.first`: the coarser codes of the first levels."""
        ends = [books.stop for books in self._books]
        if codebooks not in ends:
            raise InputError(f"{codebooks} codebooks: the levels of this quantizer have {ends} together")
        return ResidualQuantizer(self._quantizers()[: ends.index(codebooks) + 1]).train(self.training)

    @torch.no_grad()
    def start(self, frames: Tensor, generator: torch.Generator) -> None:
        """See `Quantizer.start`; each level starts on the residuals of the started ones before it."""
        for level in self._quantizers():
            level.start(frames, generator)
            z = frames.float().T[None]
            frames = (z - level.decode(level.encode(z)))[0].T

    @torch.no_grad()
    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `Quantizer.encode`."""
        residual, codes = z.float(), []
        for level in self._quantizers():
            codes.append(level.encode(residual, mask))
            residual = residual - level.decode(codes[-1])
        return torch.cat(codes, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`; codes of the first levels only give coarser latents."""
        books = [(level, codes[:, book]) for level, book in zip(self._quantizers(), self._books, strict=True)]
        return torch.stack([level.decode(code) for level, code in books if code.shape[1]]).sum(0)

    def forward(
        self,
        z: Tensor,
        mask: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        share: Share | None = None,
    ) -> Quantized:
        """See `Quantizer.forward`."""
        with torch.autocast(z.device.type, enabled=False):
            z = z.float() if mask is None else z.float().masked_fill(~mask[:, None], 0)
            kept = self._kept(len(z), generator, share, z.device) if self.training else None
            residual, total, parts = z, torch.zeros_like(z), []
            for number, level in enumerate(self._quantizers()):
                part = level.quantize(residual, mask, generator, share)
                residual = residual - part.z_q.detach()
                used = part.z_q.detach()
                total = total + (used if kept is None else used * (number < kept)[:, None, None])
                parts.append(part)
            return Quantized(
                straight_through(z, total),
                torch.cat([part.codes for part in parts], 1),
                mean_terms([part.losses for part in parts]),
                {**mean_terms([part.stats for part in parts]), **fidelity(z, total, mask)},
            )

    def _kept(
        self, rows: int, generator: torch.Generator | None, share: Share | None, device: torch.device
    ) -> Tensor | None:
        """Draw the number of levels (rows,) of each row; None for all."""
        if self.dropout == 0 or generator is None:
            return None
        drop, number = uniforms((rows, 2), share, generator, device).unbind(1)
        count = len(self.levels)
        return torch.where(drop < self.dropout, 1 + (number * (count - 1)).long(), count)

    def update(self, generator: torch.Generator) -> None:
        """See `Quantizer.update`."""
        for level in self._quantizers():
            level.update(generator)

    def _quantizers(self) -> list[Quantizer]:
        return cast(list[Quantizer], list(self.levels))


def residual_vq(
    dim: int,
    *,
    codebooks: int = 4,
    codebook_size: int = 256,
    beta: float = 0.25,
    data_start: bool = True,
    decay: float = 0.99,
    revive_below: float = 0.1,
    revive_every: int = 10,
    dropout: float = 0.0,
) -> ResidualQuantizer:
    """Make a residual quantizer of `codebooks` moving-average codebooks; see `EMAVectorQuantizer`."""
    require(codebooks >= 1, "codebooks", codebooks, "at least 1")
    require(0 <= dropout <= 1, "dropout", dropout, "between 0 and 1")
    require(dropout == 0 or codebooks > 1, "dropout", dropout, "0 with one codebook")
    return ResidualQuantizer(
        [
            EMAVectorQuantizer(
                dim,
                codebook_size=codebook_size,
                beta=beta,
                data_start=data_start,
                decay=decay,
                revive_below=revive_below,
                revive_every=revive_every,
            )
            for _ in range(codebooks)
        ],
        dropout,
    )
