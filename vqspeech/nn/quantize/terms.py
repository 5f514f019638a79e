"""What quantizers share: the gradient that passes straight through, projections in float32, and the terms of losses and stats."""

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
    """The quantized values, with their gradient given to `z` as it is (van den Oord et al. 2017, section 3.2); equal shapes.

    ``z + (quantized - z).detach()`` does the same with rounding errors and two more tensors.
    """
    return _StraightThrough.apply(z, quantized.detach())


def mean_square(one: Tensor, other: Tensor, valid: Tensor | None) -> Tensor:
    """Mean of squared differences over the frames that count, and dimensions; 0 when none does.

    Parameters
    ----------
    one, other : (frames, dim) or (batch, dim, time), equal where not valid
    valid : (frames,) or (batch, time) bool, or None for all
    """
    return F.mse_loss(one, other, reduction="sum") / _values(one, valid)


@torch.no_grad()
def fidelity(z: Tensor, z_q: Tensor, valid: Tensor | None) -> dict[str, Tensor]:
    """``distortion``, the mean of |z - z_q|^2 per dimension, and ``energy``, that of |z|^2, which it is to be held against.

    Means and not their ratio, because those of several processes can be averaged. Arguments as in `mean_square`, 0 where not valid.
    """
    energy = torch.linalg.vector_norm(z).square() / _values(z, valid)
    return {"distortion": mean_square(z, z_q, valid), "energy": energy}


def _values(z: Tensor, valid: Tensor | None) -> Tensor:
    """How many numbers the frames that count hold, at least one."""
    if valid is None:
        return torch.tensor(max(1, z.numel()), device=z.device)
    return (valid.sum() * (z.numel() // max(1, valid.numel()))).clamp_min(1)


def linear(values: Tensor, layer: nn.Linear) -> Tensor:
    """A linear layer in float32, whatever the layer is cast to."""
    return F.linear(values, layer.weight.float(), layer.bias.float())


def mean_terms(terms: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Means over several quantizers of the scalars that they name; one that does not give a name counts as zero."""
    names = dict.fromkeys(name for one in terms for name in one)
    return {name: torch.stack([one[name] for one in terms if name in one]).sum() / len(terms) for name in names}
