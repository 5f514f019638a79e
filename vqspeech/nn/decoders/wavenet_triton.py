"""The likelihood of a WaveNet on GPUs: its layers in Triton, and everything after them compiled."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vqspeech.nn.decoders.compiled import Compiled, reason

WIDTHS = (16, 32, 64, 128)
"""Channels for which the kernels keep a layer's weights in the shared memory of a block; 128 in 16 bits only."""

WITHIN = 0.05
"""Relative difference from the plain layers, in rounding to bfloat16, at which the kernels are used."""

Likelihood = Callable[..., Tensor]


class TritonLikelihood:
    """The likelihood of a `WaveNet`, with layers from `vqspeech.nn.decoders.gated_triton`.

    Before their first use the kernels run on one row, forward and backward, beside the plain layers. Where they fail,
    or differ, there is one warning, and `ready` is False from then on.

    Parameters
    ----------
    plain : computes it by plain layers, from decoder, input, conditions and levels
    head : computes it from decoder, outputs of the layers (batch, time, layers * width) and levels
    """

    def __init__(self, plain: Likelihood, head: Likelihood) -> None:
        self._plain, self._head = plain, head
        self._compiled = Compiled(head)
        self._tried: set[torch.dtype] = set()
        self.failure = ""
        """Why the kernels cannot be used; empty before."""

    def __reduce__(self) -> Any:
        return TritonLikelihood, (self._plain, self._head)

    @staticmethod
    def fits(width: int, dtype: torch.dtype) -> bool:
        """Return whether there are kernels for layers of this width, and Triton to compile them."""
        small = width in WIDTHS[:3] and dtype == torch.float32
        return (small or (width in WIDTHS and dtype == torch.bfloat16)) and importlib.util.find_spec(
            "triton"
        ) is not None

    def ready(self, decoder: Any, x: Tensor, conditions: Tensor, levels: Tensor) -> bool:
        """Return whether the kernels can be used, after a trial of each dtype.

        Raises
        ------
        torch.OutOfMemoryError : when the device has too little memory for one row
        """
        if not self.failure and x.dtype not in self._tried:
            self._tried.add(x.dtype)
            row = [values[:1].detach() for values in (x, conditions, levels)]
            try:
                off = _difference(decoder, row, self._uncompiled, self._plain)
                if not off <= WITHIN:
                    self.failure = f"they differ from the plain layers by {off:.2g}"
            except torch.OutOfMemoryError:
                raise
            except Exception as error:
                self.failure = reason(error)
            if self.failure:
                warnings.warn(
                    f"training continues without the layers in Triton, under torch.compile: {self.failure}",
                    stacklevel=2,
                )
        return not self.failure

    def __call__(self, decoder: Any, x: Tensor, conditions: Tensor, levels: Tensor) -> Tensor:
        """Compute the negative log-likelihood (batch, time); arguments as `WaveNet` has them in its layers."""
        return self._compiled(decoder, _stack(decoder, x, conditions), levels)

    def _uncompiled(self, decoder: Any, x: Tensor, conditions: Tensor, levels: Tensor) -> Tensor:
        return self._head(decoder, _stack(decoder, x, conditions), levels)


def _stack(decoder: Any, x: Tensor, conditions: Tensor) -> Tensor:
    from vqspeech.nn.decoders.gated_triton import triton_stack

    residual = [(layer.weight, layer.bias) for layer in decoder.residual]
    return triton_stack(x, conditions, list(decoder.gates), residual, decoder.dilations)


def _difference(decoder: nn.Module, row: list[Tensor], one: Likelihood, other: Likelihood) -> float:
    """Return the relative difference of two ways to compute likelihoods or their gradients, the larger one."""
    results = []
    for way in (one, other):
        x, conditions, levels = row
        leaves = [x.clone().requires_grad_(), conditions.clone().requires_grad_()]
        weights = [weight for weight in decoder.parameters() if weight.requires_grad]
        nll = way(decoder, *leaves, levels)
        slopes = torch.autograd.grad(nll.sum(), [*leaves, *weights], allow_unused=True)
        flat = torch.cat([slope.flatten().double() for slope in slopes if slope is not None])
        results.append((nll.detach().double(), flat))
    (nll, slope), (wanted, wanted_slope) = results
    return float(
        torch.stack([(nll - wanted).norm() / wanted.norm(), (slope - wanted_slope).norm() / wanted_slope.norm()]).max()
    )
