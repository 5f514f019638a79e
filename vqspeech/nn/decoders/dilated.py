"""The dilated gated layer of a WaveNet, by tensor operations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def dilated_taps(x: Tensor, count: int, dilation: int) -> Tensor:
    """Concatenate the taps of a causal dilated convolution, (batch, time, count * width).

    Before the first sample x, (batch, time, width), is zero.
    """
    padded = F.pad(x, (0, 0, (count - 1) * dilation, 0))
    return torch.cat([padded.narrow(1, tap * dilation, x.shape[1]) for tap in range(count)], -1)


def residual_block(
    x: Tensor, taps: Tensor, condition: Tensor, gates: Tensor, residual: Callable[[Tensor], Tensor] | None
) -> tuple[Tensor, Tensor]:
    """Compute one layer: [f, g] = W * x + V c, z = tanh(f) sigmoid(g), x + R z + b.

    Equations 2 and 3 of van den Oord et al. 2016, arXiv 1609.03499.

    Parameters
    ----------
    x : (batch, time, width) input of the layer
    taps : (batch, time, taps * width), x where the dilated convolution sees it; see `dilated_taps`
    condition : (batch, frames, 2 * width) V c; each frame holds for time / frames samples
    gates : (taps, width, 2 * width) W
    residual : the linear layer R, b; None in the last layer

    Returns
    -------
    z, the output to the skip path, and the input of the next layer, both (batch, time, width)
    """
    both = taps @ gates.flatten(0, 1)
    frames = condition.shape[1]
    both = both.unflatten(1, (frames, x.shape[1] // frames)) + condition[:, :, None]
    f, g = both.flatten(1, 2).chunk(2, -1)
    z = torch.tanh(f) * torch.sigmoid(g)
    return z, x if residual is None else x + residual(z)
