"""What the losses of quantizers are made of."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_square(difference: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of squares over valid frames and dimensions; (batch, dim, time) whose masked frames are zero already."""
    frames = difference[:, 0].numel() if mask is None else mask.sum()
    return difference.square().sum() / (difference.shape[1] * torch.as_tensor(frames).clamp_min(1))
