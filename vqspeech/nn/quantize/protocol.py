"""What every quantizer is: the contract that the model, the training loop, the command line and `vqspeech.testing` rely on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Quantized:
    """What a quantizer makes of latents.

    Parameters
    ----------
    z_q : (batch, dim, time) quantized latents, 0 where masked; the gradient passes straight through to the latents
    codes : (batch, codebooks, time) int64; 0 where masked
    losses : name -> scalar with gradient, a mean over valid frames, already weighted; their sum is added to the model's loss
    stats : name -> scalar without gradient, for the training log; a mean over valid frames, or equal on all ranks, so that shares of a batch
        average to the whole. Codebook use is not among them: it is counted from `codes` over an epoch
    """

    z_q: Tensor
    codes: Tensor
    losses: dict[str, Tensor] = field(default_factory=dict)
    stats: dict[str, Tensor] = field(default_factory=dict)


class Quantizer(nn.Module):
    """The protocol of quantizers, api 1: latents (batch, dim, time) to codes (batch, codebooks, time) and back.

    Masks are (batch, time) bool, True for real frames; no mask means that all are real. What lies under False changes nothing: neither
    codes, losses, stats, gradients nor state, even where it is not finite. Batches and masks may be empty.

    In training mode `forward` may collect statistics but moves no codebook; `update` moves it, once after each optimiser step. So accumulated
    batches count as one large batch, and a recomputed forward pass (activation checkpointing) is the only thing that would count twice.
    Outside training mode, and in `encode` and `decode`, no state changes, the global random state included.

    In a process group (looked up when `update` is called, never before) `update` sums the statistics of all ranks, each of which calls it, with
    an equal generator, whether or not it had frames; afterwards the state is the same on every rank, bit for bit.

    Buffers keep their type when the module is cast (``.to(torch.bfloat16)``, ``.half()``): averages in 16 bits do not move, and the nearest code
    of 16-bit codes is another one for 3 % of frames. Lookups compute in float32, under autocast too; z_q is float32.

    A sub-class sets ``dim`` and ``codebook_sizes`` in its constructor, whose first parameter is ``dim`` and whose others are the
    hyper-parameters, keyword only; values that cannot be used raise `ConfigError`.

    Attributes
    ----------
    dim : channels of the latents
    codebook_sizes : number of codes of each codebook; codes[:, n] lies in [0, codebook_sizes[n])
    distance : "euclidean" where no other code of the last codebook decodes nearer to the latents; None for another rule (rounding, cosine)
    """

    codebook_sizes: tuple[int, ...]
    dim: int
    distance: Literal["euclidean"] | None = "euclidean"

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """Quantize latents (batch, dim, time); in training mode also collects what `update` needs."""
        raise NotImplementedError

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """Codes (batch, codebooks, time) int64 of latents (batch, dim, time), 0 where masked; changes no state."""
        raise NotImplementedError

    def decode(self, codes: Tensor) -> Tensor:
        """Quantized latents (batch, dim, time) of codes (batch, codebooks, time); with `encode` it gives the z_q of `forward`."""
        raise NotImplementedError

    def start(self, frames: Tensor, generator: torch.Generator) -> None:
        """Data-dependent start from latents (frames, dim); called once, before the first step, with the same frames on every rank."""

    def update(self, generator: torch.Generator) -> None:
        """Apply what forward passes collected; called once after each optimiser step, so accumulated batches count as one."""

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
