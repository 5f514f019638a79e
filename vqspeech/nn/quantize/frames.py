"""Convert latents to a list of frames and back."""

from __future__ import annotations

from torch import Tensor


def to_frames(z: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Convert latents (batch, dim, time) to float32 frames (batch * time, dim), 0 where masked.

    Parameters
    ----------
    mask : (batch, time) bool, or None

    Returns
    -------
    frames (batch * time, dim), and valid (batch * time,) bool, or None when all frames are valid
    """
    if mask is not None:
        z = z.masked_fill(~mask[:, None], 0)
    frames = z.float().transpose(1, 2).reshape(-1, z.shape[1])
    return frames, None if mask is None else mask.reshape(-1)


def from_frames(frames: Tensor, batch: int, time: int) -> Tensor:
    """Convert frames (batch * time, dim) to latents (batch, dim, time)."""
    return frames.view(batch, time, frames.shape[1]).transpose(1, 2)
