"""Sums over the processes of a job, and frames drawn from the batch that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist


class Piece(NamedTuple):
    """The valid frames of one forward pass.

    Parameters
    ----------
    frames : (frames, dim), row after row of the batch
    per_row : (batch,) int64, the number of frames of each row
    """

    frames: Tensor
    per_row: Tensor


def together() -> bool:
    """Return whether several processes share a job."""
    return dist.is_available() and dist.is_initialized()


def sum_over_processes(*tensors: Tensor) -> None:
    """Sum tensors over the processes of a job in place, with the same bits on each."""
    if together():
        for tensor in tensors:
            dist.all_reduce(tensor)


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
    most = torch.tensor(max(len(piece.per_row) for piece in pieces), device=frames.device)
    if ranks > 1:
        dist.all_reduce(most, dist.ReduceOp.MAX)
    sizes = torch.zeros(ranks, len(pieces), int(most), dtype=torch.int64, device=frames.device)
    for number, piece in enumerate(pieces):
        sizes[rank, number, : len(piece.per_row)] = piece.per_row
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
    drawn = torch.zeros(count, frames.shape[1], device=frames.device)
    drawn[here.to(frames.device)] = frames[index[here].to(frames.device)]
    sum_over_processes(drawn)
    return drawn
