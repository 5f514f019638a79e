"""The quantizer under test, built anew for each check, and its latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from vqspeech.nn.quantize import Quantized, Quantizer
from vqspeech.registry.specs import QuantizerSpec
from vqspeech.testing.modules import build, generator, same_bits, snapshot


@dataclass(frozen=True)
class QuantizerSubject:
    """A registered name or a factory, with arguments.

    Parameters
    ----------
    quantizer : the name, or ``make(dim, **options)``
    dim : channels of latents
    options : hyper-parameters
    """

    quantizer: str | Callable[..., Quantizer]
    dim: int = 8
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """See `vqspeech.testing.cases.Subject`."""
        return self.quantizer if isinstance(self.quantizer, str) else self.quantizer.__name__

    def fresh(self, seed: int = 0) -> Quantizer:
        """Build a quantizer in training mode; a function of the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made: Quantizer = build(QuantizerSpec, self.quantizer, self.dim, self.options)
        return made.train()

    def started(self) -> Quantizer:
        """Build a quantizer and start it on standard normal latents."""
        quantizer = self.fresh()
        quantizer.start(torch.randn(1024, self.dim, generator=generator(1)), generator(2))
        return quantizer

    def latents(self, batch: int = 2, time: int = 9, seed: int = 0) -> Tensor:
        """Draw standard normal latents (batch, dim, time)."""
        return torch.randn(batch, self.dim, time, generator=generator(seed))


def total(quantized: Quantized) -> Tensor:
    """Sum the losses to a differentiable scalar, even where there are none."""
    return sum(quantized.losses.values(), quantized.z_q.sum() * 0.0)


def moves_by_update(subject: QuantizerSubject) -> bool:
    """Whether `update` moves the codebook, not the optimiser."""
    quantizer = subject.started()
    before = snapshot(quantizer)
    quantizer(3 * subject.latents(4, 50))
    quantizer.update(generator())
    return any(before[name].is_floating_point() for name in same_bits(before, snapshot(quantizer)))
