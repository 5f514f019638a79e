"""Finite scalar quantization: rounds a few bounded channels; no codebook and no loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vqspeech.nn.quantize.frames import from_frames, to_frames
from vqspeech.nn.quantize.hyperparameters import require
from vqspeech.nn.quantize.protocol import Quantized, Quantizer
from vqspeech.nn.quantize.terms import fidelity, linear, straight_through

MARGIN = 1e-3
"""Fraction by which a channel's bound stays below the value that would round to one more level."""


class FiniteScalarQuantizer(Quantizer):
    """FSQ (Mentzer et al. 2023, arXiv 2309.15505, section 3.1 and appendix A.1).

    Latents are projected to one channel per entry of `levels`. Channel i is bounded to (L_i - 1)(1 - MARGIN) / 2 * tanh
    and rounded to one of L_i integers with a straight-through gradient; the code of a frame is their mixed-radix
    number, one of prod L_i. For even L_i the bound is shifted by a half. Deviations from the paper: the shift inside
    tanh is atanh instead of tan, so that 0 is bounded to 0; the projections belong to the layer, and `start` scales the
    first one so that the first latents have mean 0 and standard deviation 1.

    Parameters
    ----------
    dim : channels of the latents
    levels : number of levels of each channel, at least 3; the paper advises at least 5. (8, 5, 5, 5) makes 1,000 codes
    data_start : whether `start` scales the projection
    """

    reach: Tensor
    distance = None
    offset: Tensor
    shift: Tensor
    radix: Tensor
    sizes: Tensor

    def __init__(self, dim: int, *, levels: Sequence[int] = (8, 5, 5, 5), data_start: bool = True) -> None:
        super().__init__()
        require(
            len(levels) >= 1 and all(level >= 3 for level in levels), "levels", levels, "at least one, each at least 3"
        )
        require(math.prod(levels) < 2**31, "levels", levels, "at most 2^31 codes in all")
        self.dim = dim
        self.levels = tuple(levels)
        self.codebook_sizes = (math.prod(levels),)
        self.data_start = data_start
        self.down = nn.Linear(dim, len(levels))
        self.up = nn.Linear(len(levels), dim)
        sizes = torch.tensor(levels)
        reach = (sizes - 1) * (1 - MARGIN) / 2
        offset = torch.where(sizes % 2 == 0, 0.5, 0.0)
        constants = {"sizes": sizes, "reach": reach, "offset": offset, "shift": (offset / reach).atanh()}
        constants["radix"] = sizes.cumprod(0) // sizes
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)

    @torch.no_grad()
    def start(self, frames: Tensor, generator: torch.Generator) -> None:
        """See `Quantizer.start`."""
        if self.data_start and len(frames):
            projected = linear(frames.float(), self.down)
            spread = projected.std(0, correction=0).clamp_min(1e-6)
            self.down.weight.copy_(self.down.weight / spread[:, None])
            self.down.bias.copy_((self.down.bias - projected.mean(0)) / spread)

    @torch.no_grad()
    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `Quantizer.encode`."""
        with torch.autocast(z.device.type, enabled=False):
            frames, valid = to_frames(z, mask)
            codes = self._codes(self._bounded(frames).round(), valid)
            return codes.view(z.shape[0], 1, z.shape[2])

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`."""
        with torch.autocast(codes.device.type, enabled=False):
            digits = codes[:, 0, :, None] // self.radix % self.sizes - self.sizes // 2
            return self._expand(digits.float()).transpose(1, 2)

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """See `Quantizer.forward`; stats are those of `fidelity` for the bounded channels, in steps."""
        with torch.autocast(z.device.type, enabled=False):
            frames, valid = to_frames(z, mask)
            bounded = self._bounded(frames)
            digits = bounded.round()
            expanded = self._expand(straight_through(bounded, digits))
            if valid is not None:
                expanded = expanded.masked_fill(~valid[:, None], 0)
                bounded, digits = (part.masked_fill(~valid[:, None], 0) for part in (bounded, digits))
            codes = self._codes(digits, valid).view(len(z), 1, z.shape[2])
            z_q = from_frames(expanded, len(z), z.shape[2])
            return Quantized(z_q, codes, {}, fidelity(bounded, digits, valid))

    def _bounded(self, frames: Tensor) -> Tensor:
        """Bound channels (frames, levels) to within half a step beyond the outermost integers."""
        return torch.tanh(linear(frames, self.down) + self.shift) * self.reach - self.offset

    def _codes(self, digits: Tensor, valid: Tensor | None) -> Tensor:
        codes = ((digits.long() + self.sizes // 2) * self.radix).sum(-1)
        return codes if valid is None else codes * valid

    def _expand(self, digits: Tensor) -> Tensor:
        """Convert integers (..., levels), scaled to [-1, 1], to all channels (..., dim)."""
        return linear(digits / (self.sizes // 2), self.up)
