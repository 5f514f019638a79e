"""Finite scalar quantization: rounding a few bounded channels; no codebook, no loss of its own."""

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
"""By this share the bound of a channel stays short of where rounding would give a level too many."""


class FiniteScalarQuantizer(Quantizer):
    """FSQ (Mentzer et al. 2023, arXiv 2309.15505, section 3.1 and appendix A.1).

    Channels are projected to one per entry of `levels`; channel i is bounded to (L_i - 1)(1 - MARGIN) / 2 * tanh and rounded to one of L_i
    whole numbers, with the gradient passing straight through the rounding, and a frame's code is their mixed-radix number, of prod L_i. For
    even L_i the bound is moved by a half. Deviations: the shift inside tanh is atanh and not tan of it, so that 0 is bounded to 0; the
    projections are part of the layer, and `start` scales the first to mean 0 and deviation 1 on the first latents, within tanh's bend.

    Parameters
    ----------
    dim : channels of the latents
    levels : of each channel, at least 3 each; the paper advises at least 5. (8, 5, 5, 5) are 1,000 codes
    data_start : see above
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
            return codes.view(len(z), 1, z.shape[2])

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`."""
        with torch.autocast(codes.device.type, enabled=False):
            digits = codes[:, 0, :, None] // self.radix % self.sizes - self.sizes // 2
            return self._raised(digits.float()).transpose(1, 2)

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """See `Quantizer.forward`; its stats are those of `fidelity` for the bounded channels, in steps."""
        with torch.autocast(z.device.type, enabled=False):
            frames, valid = to_frames(z, mask)
            bounded = self._bounded(frames)
            digits = bounded.round()
            raised = self._raised(straight_through(bounded, digits))
            if valid is not None:
                raised = raised.masked_fill(~valid[:, None], 0)
                bounded, digits = (part.masked_fill(~valid[:, None], 0) for part in (bounded, digits))
            codes = self._codes(digits, valid).view(len(z), 1, z.shape[2])
            z_q = from_frames(raised, len(z), z.shape[2])
            return Quantized(z_q, codes, {}, fidelity(bounded, digits, valid))

    def _bounded(self, frames: Tensor) -> Tensor:
        """Channels (frames, levels), each within half a step beyond its outermost numbers."""
        return torch.tanh(linear(frames, self.down) + self.shift) * self.reach - self.offset

    def _codes(self, digits: Tensor, valid: Tensor | None) -> Tensor:
        codes = ((digits.long() + self.sizes // 2) * self.radix).sum(-1)
        return codes if valid is None else codes * valid

    def _raised(self, digits: Tensor) -> Tensor:
        """Whole numbers (..., levels), scaled to [-1, 1], back to all channels (..., dim)."""
        return linear(digits / (self.sizes // 2), self.up)
