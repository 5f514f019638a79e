"""Straight-through gradient, projections in float32, and terms of losses and stats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, quantized: Tensor) -> Tensor:
        return quantized.view_as(quantized)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def straight_through(z: Tensor, quantized: Tensor) -> Tensor:
    """Return quantized values with the straight-through gradient (van den Oord et al. 2017, 3.2).

    ``z + (quantized - z).detach()`` does the same with rounding errors and two more tensors.
    """
    return _StraightThrough.apply(z, quantized.detach())


def mean_square(one: Tensor, other: Tensor, valid: Tensor | None) -> Tensor:
    """Mean squared difference over valid frames and dimensions; 0 without valid frames.

    Parameters
    ----------
    one, other : (frames, dim) or (batch, dim, time), equal where not valid
    valid : (frames,) or (batch, time) bool, or None for all
    """
    return F.mse_loss(one, other, reduction="sum") / _values(one, valid)


@torch.no_grad()
def fidelity(z: Tensor, z_q: Tensor, valid: Tensor | None) -> dict[str, Tensor]:
    """Return ``distortion``, the mean of |z - z_q|^2, and ``energy``, the mean of |z|^2.

    Both are means, which can be averaged over processes; their ratio cannot. Arguments as in `mean_square`.
    """
    energy = torch.linalg.vector_norm(z).square() / _values(z, valid)
    return {"distortion": mean_square(z, z_q, valid), "energy": energy}


def _values(z: Tensor, valid: Tensor | None) -> Tensor:
    """Count the numbers in valid frames, at least one."""
    if valid is None:
        return torch.tensor(max(1, z.numel()), device=z.device)
    return (valid.sum() * (z.numel() // max(1, valid.numel()))).clamp_min(1)


def linear(values: Tensor, layer: nn.Linear) -> Tensor:
    """Apply a linear layer in float32, in any dtype of the module."""
    return F.linear(values, layer.weight.float(), layer.bias.float())


def mean_terms(terms: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Average named scalars over several quantizers; a missing name counts as zero."""
    names = dict.fromkeys(name for one in terms for name in one)
    return {name: torch.stack([one[name] for one in terms if name in one]).sum() / len(terms) for name in names}
