"""Sums over the processes of a job, and frames drawn from the batch that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist

from vqspeech.nn.draws import drawn


class Piece(NamedTuple):
    """The frames of one forward pass, row after row of the batch.

    Parameters
    ----------
    frames : (frames, dim): the valid ones for `draw_frames`, all for `draw_valid`
    counts : (batch,) int64, the number of frames of each row; or (frames,) bool, which frames are valid
    """

    frames: Tensor
    counts: Tensor


def together() -> bool:
    """Return whether several processes share a job."""
    return dist.is_available() and dist.is_initialized()


def sum_over_processes(*tensors: Tensor) -> None:
    """Sum tensors over the processes of a job in place, with the same bits on each."""
    if together():
        for tensor in tensors:
            dist.all_reduce(tensor)


@torch.no_grad()
def draw_valid(frames: Tensor, valid: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw valid frames with replacement as `draw_frames` does for one process, without waiting for a GPU.

    Parameters
    ----------
    frames : (frames, dim), at least one
    valid : (frames,) bool
    count : number of frames to draw
    generator : on the CPU; gives one uniform number for each frame drawn

    Returns
    -------
    the frames (count, dim) float32, and a scalar bool: False when no frame is valid, and the first then mean nothing
    """
    ends = valid.cumsum(0)
    place = drawn(lambda source: torch.rand(count, generator=source, dtype=torch.float64), generator, frames.device)
    picks = (place * ends[-1]).long()
    rows = torch.searchsorted(ends, picks, right=True).clamp_max(len(ends) - 1)
    return frames[rows].float(), ends[-1] > 0


@torch.no_grad()
def draw_frames(pieces: Sequence[Piece], count: int, generator: torch.Generator) -> Tensor | None:
    """Draw frames (count, dim) with replacement from the whole batch, equal on every process.

    Batches are divided by row: pass j of A passes of process r of n has rows r + n j, r + n j + n A, ... of the whole
    batch. Frames are numbered in the order of the whole batch, so the result does not depend on the division.

    Parameters
    ----------
    pieces : frames of this process, one piece per forward pass, equally many on every process
    count : number of frames to draw
    generator : in the same state on every process

    Returns
    -------
    None when no process has a frame
    """
    frames = torch.cat([piece.frames for piece in pieces]).float()
    rank, ranks = (dist.get_rank(), dist.get_world_size()) if together() else (0, 1)
    most = torch.tensor(max(len(piece.counts) for piece in pieces), device=frames.device)
    if ranks > 1:
        dist.all_reduce(most, dist.ReduceOp.MAX)
    sizes = torch.zeros(ranks, len(pieces), int(most), dtype=torch.int64, device=frames.device)
    for number, piece in enumerate(pieces):
        sizes[rank, number, : len(piece.counts)] = piece.counts
    sum_over_processes(sizes)
    sizes = sizes.cpu()
    # Row r + n (j + A i) of the whole batch is row i of pass j of process r.
    in_batch = sizes.permute(2, 1, 0).flatten()
    ends = in_batch.cumsum(0)
    if not len(ends) or not ends[-1]:
        return None
    picks = torch.randint(int(ends[-1]), (count,), generator=generator)
    rows = torch.searchsorted(ends, picks, right=True)
    # The number of frames in this process before each row.
    own = sizes[rank].flatten()
    before = (own.cumsum(0) - own).view_as(sizes[rank])
    here = rows % ranks == rank
    place, row = rows // ranks % len(pieces), rows // ranks // len(pieces)
    index = before[place, row] + picks - (ends - in_batch)[rows]
    chosen = torch.zeros(count, frames.shape[1], device=frames.device)
    chosen[here.to(frames.device)] = frames[index[here].to(frames.device)]
    sum_over_processes(chosen)
    return chosen
