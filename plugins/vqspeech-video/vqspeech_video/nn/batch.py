"""Batches of frames with the frames before them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vqspeech.nn.batch import moved
from vqspeech.nn.share import Share

MISSING = -1
"""Code and action of a frame before the first one of a clip."""


class FrameBatch(NamedTuple):
    """Codes of frames, of the frames before them, and the actions between.

    Parameters
    ----------
    codes : (batch, codebooks, rows, columns) int64
    history : (batch, frames, codebooks, rows, columns) int64, the frame just before first; `MISSING` for none
    actions : (batch, frames) int64, the action after each frame of `history`; `MISSING` for none
    share : position of these rows in a global batch; None when they are the whole batch
    """

    codes: Tensor
    history: Tensor
    actions: Tensor
    share: Share | None = None

    def to(self, device: torch.device) -> FrameBatch:
        """Copy the batch to a device."""
        return self._replace(
            codes=moved(self.codes, device),
            history=moved(self.history, device),
            actions=moved(self.actions, device),
        )

    @property
    def weight(self) -> float:
        """Part of the global batch's rows that these are."""
        return 1.0 if self.share is None else len(self.codes) / max(1, self.share.rows)


def history_of(codes: Tensor, actions: Tensor, frame: int, length: int) -> tuple[Tensor, Tensor]:
    """Cut what a frame of some clips is conditioned on.

    Parameters
    ----------
    codes : (clips, frames, codebooks, rows, columns) int64
    actions : (clips, at least `frame`) int64, the action after each frame
    frame : place of the frame, which may be the one after the last
    length : frames before it to return

    Returns
    -------
    ``history`` and ``actions`` of a `FrameBatch`
    """
    places = range(frame - 1, frame - 1 - length, -1)
    none = torch.full_like(codes[:, 0], MISSING)
    nothing = torch.full_like(actions[:, 0] if actions.shape[1] else codes[:, 0, 0, 0, 0], MISSING)
    history = [codes[:, place] if place >= 0 else none for place in places]
    taken = [actions[:, place] if place >= 0 else nothing for place in places]
    return torch.stack(history, 1), torch.stack(taken, 1)
