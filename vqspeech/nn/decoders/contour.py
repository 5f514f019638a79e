"""Contours of F0 as a network and an excitation take them: continuous, on the frames of a decoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vqspeech.nn.batch import PITCH_RATE


class Contour(NamedTuple):
    """F0 of frames.

    Parameters
    ----------
    log_f0 : (batch, frames) natural logarithm of F0 in Hz, through unvoiced frames as well
    voiced : (batch, frames) bool
    """

    log_f0: Tensor
    voiced: Tensor

    def at(self, frames: Tensor) -> Contour:
        """Select frames by their indices (count,)."""
        return Contour(self.log_f0[:, frames], self.voiced[:, frames])


def continuous(f0: Tensor, fallback: Tensor) -> Contour:
    """Interpolate log F0 linearly through unvoiced frames; constant before the first and after the last voiced frame.

    Parameters
    ----------
    f0 : (batch, frames) in Hz, 0 for unvoiced
    fallback : (batch,) log F0 of rows without a voiced frame
    """
    voiced = f0 > 0
    count = f0.shape[1]
    place = torch.arange(count, device=f0.device).expand_as(f0)
    before = torch.where(voiced, place, -1).cummax(1).values
    after = torch.where(voiced, place, count).flip(1).cummin(1).values.flip(1)
    log_f0 = f0.clamp_min(1.0).log()
    left, right = log_f0.gather(1, before.clamp_min(0)), log_f0.gather(1, after.clamp_max(count - 1))
    has_left, has_right = before >= 0, after < count
    other = fallback.to(log_f0.dtype)[:, None].expand_as(log_f0)
    left, right = (
        torch.where(has_left, left, torch.where(has_right, right, other)),
        torch.where(has_right, right, torch.where(has_left, left, other)),
    )
    share = (place - before).to(log_f0.dtype) / (after - before).clamp_min(1)
    return Contour(left + share * (right - left), voiced)


def on_frames(contour: Contour, frame_s: float, count: int, first: int = 0, begins: int = 0) -> Contour:
    """Read a contour of `PITCH_RATE` at the centres of other frames.

    log F0 is interpolated linearly; a frame is voiced where the nearest one of the contour is. Beyond its ends the
    contour is constant.

    Parameters
    ----------
    contour : at `PITCH_RATE`, at least one frame
    frame_s : length of a frame in seconds
    count, first : number of frames, and number of the first one
    begins : number of the contour's first frame
    """
    last = contour.log_f0.shape[1] - 1
    frames = torch.arange(first, first + count, device=contour.log_f0.device, dtype=torch.float64)
    place = ((frames + 0.5) * (frame_s * PITCH_RATE) - 0.5 - begins).clamp(0, last)
    low = place.floor().long()
    share = (place - low).to(contour.log_f0.dtype)
    below, above = contour.log_f0[:, low], contour.log_f0[:, (low + 1).clamp_max(last)]
    return Contour(below + share * (above - below), contour.voiced[:, (place + 0.5).floor().long().clamp_max(last)])
