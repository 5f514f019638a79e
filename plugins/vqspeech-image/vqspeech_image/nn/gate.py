"""The gate of all layers of a PixelCNN here."""

from __future__ import annotations

from torch import Tensor


def gate(both: Tensor, dim: int = 1) -> Tensor:
    """tanh(first half) * sigmoid(second half) of a dimension, by default the channels of (batch, 2 * width, ...)."""
    first, second = both.chunk(2, dim)
    return first.tanh() * second.sigmoid()
