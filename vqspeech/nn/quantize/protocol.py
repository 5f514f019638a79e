"""The contract of quantizers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from vqspeech.errors import InputError
from vqspeech.nn.share import Share


@dataclass(frozen=True)
class Quantized:
    """The result of quantizing latents.

    Parameters
    ----------
    z_q : (batch, dim, time) quantized latents, 0 where masked; gradients pass straight through to the latents
    codes : (batch, codebooks, time) int64; 0 where masked
    losses : name -> weighted scalar with gradient, a mean over valid frames; their sum is added to the model's loss
    stats : name -> scalar without gradient for the training log: a mean over valid frames, or equal on all ranks, so
        that parts of a batch average to the whole. Codebook use is counted from `codes` elsewhere
    """

    z_q: Tensor
    codes: Tensor
    losses: dict[str, Tensor] = field(default_factory=dict)
    stats: dict[str, Tensor] = field(default_factory=dict)


class Quantizer(nn.Module):
    """Quantizers, api 1: latents (batch, dim, time) to codes (batch, codebooks, time) and back.

    Masks are (batch, time) bool, True for real frames; None means that all frames are real. Masked values change
    nothing: neither codes, losses, stats, gradients nor state, even where they are not finite. Batches and masks may be
    empty.

    In training mode `forward` may collect statistics but moves no codebook; `update` moves it, once after each
    optimiser step. So accumulated batches count as one large batch; only a recomputed forward pass (activation
    checkpointing) would count twice. Outside training mode, and in `encode` and `decode`, no state changes, including
    the global random state.

    In a process group, which is looked up in `update` and never before, `update` sums the statistics of all ranks. Each
    rank calls it with an equal generator, even without frames; the state is then equal on all ranks, bit for bit.

    Buffers keep their type when the module is cast (``.to(torch.bfloat16)``, ``.half()``): averages in 16 bits do not
    move, and 3 % of frames get another code from 16-bit codebooks. Lookups are float32, even under autocast; z_q is
    float32.

    A quantizer that draws noise in training says ``stochastic = True``. Its `forward` then takes the keywords
    ``generator`` and ``share``, draws from that generator alone, by `vqspeech.nn.share.uniforms` or for all
    ``share.rows`` rows, and draws nothing without a generator or in evaluation mode.

    A sub-class sets ``dim`` and ``codebook_sizes`` in its constructor, whose first parameter is ``dim``. All others are
    keyword-only hyper-parameters; invalid values raise `ConfigError`.

    Attributes
    ----------
    dim : channels of latents
    codebook_sizes : number of codes of each codebook; codes[:, n] lies in [0, codebook_sizes[n])
    distance : "euclidean" where the last codebook chooses the code that decodes nearest to the latents; None for
        another rule (rounding, cosine)
    stochastic : whether `forward` draws noise in training mode
    """

    codebook_sizes: tuple[int, ...]
    dim: int
    distance: Literal["euclidean"] | None = "euclidean"
    stochastic: bool = False

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """Quantize latents (batch, dim, time); in training mode also collect statistics for `update`."""
        raise NotImplementedError

    def quantize(
        self, z: Tensor, mask: Tensor | None, generator: torch.Generator | None, share: Share | None
    ) -> Quantized:
        """Call `forward`, with a source of noise where the quantizer is stochastic; for models.

        Parameters
        ----------
        z, mask : as in `forward`
        generator : generator of noise, on the CPU; None for no noise
        share : position of these rows in the global batch; None when they are the whole batch
        """
        if self.stochastic:
            return self(z, mask, generator=generator, share=share)
        return self(z, mask)

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return codes (batch, codebooks, time) int64 of latents (batch, dim, time), 0 where masked."""
        raise NotImplementedError

    def decode(self, codes: Tensor) -> Tensor:
        """Return quantized latents (batch, dim, time) of codes (batch, codebooks, time), as in `forward`."""
        raise NotImplementedError

    def decode_in_training(self, codes: Tensor, generator: torch.Generator, share: Share | None = None) -> Tensor:
        """Decode fixed codes for a decoder that trains on them: with the dropout of `forward`, if it has any."""
        return self.decode(codes)

    def first(self, codebooks: int) -> Quantizer:
        """Return a quantizer of the first codebooks alone, with the same weights.

        Raises
        ------
        InputError : when there are no such codebooks, or the first ones mean nothing alone
        """
        if codebooks == len(self.codebook_sizes):
            return self
        raise InputError(
            f"{codebooks} codebooks: this quantizer has {len(self.codebook_sizes)}, which are used together; "
            "those of the quantizer rvq can be used from the first one on"
        )

    def start(self, frames: Tensor, generator: torch.Generator) -> None:
        """Initialise from latents (frames, dim), before the first step; all ranks pass the same frames."""

    def update(self, generator: torch.Generator) -> None:
        """Apply the statistics of forward passes; called once after each optimiser step."""

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        before = {name: buffer for name, buffer in self.named_buffers() if buffer.is_floating_point()}
        super()._apply(fn, recurse)
        for name, buffer in before.items():
            owner, _, plain = name.rpartition(".")
            module = self.get_submodule(owner)
            now = module._buffers[plain]
            if now is not None and now.dtype != buffer.dtype:
                module._buffers[plain] = buffer.to(now.device)
        return self
