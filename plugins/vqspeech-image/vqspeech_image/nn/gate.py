"""The gate of all layers of a PixelCNN."""

from __future__ import annotations

from torch import Tensor


def gate(both: Tensor, dim: int = 1) -> Tensor:
    """Compute tanh(first half) * sigmoid(second half) of a dimension; 1 holds channels."""
    first, second = both.chunk(2, dim)
    return first.tanh() * second.sigmoid()
