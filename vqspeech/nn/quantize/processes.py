"""The processes of a job as one: sums over all of them, and frames drawn from the batch that they share."""

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
    per_row : (batch,) int64, how many of them each row has
    """

    frames: Tensor
    per_row: Tensor


def together() -> bool:
    """Whether this is one of the processes of a job."""
    return dist.is_available() and dist.is_initialized()


def sum_over_processes(*tensors: Tensor) -> None:
    """Sum tensors over the processes of a job, in place; all of them end with the same bits. Alone, nothing happens."""
    if together():
        for tensor in tensors:
            dist.all_reduce(tensor)


@torch.no_grad()
def draw_frames(pieces: Sequence[Piece], count: int, generator: torch.Generator) -> Tensor | None:
    """Frames drawn at random with replacement from the whole batch of a step: (count, dim), the same on every process.

    A batch is dealt out row by row: pass j of the A passes of process r of n has rows r + n j, r + n j + n A, ... of it. Frames are numbered
    in the order of the whole batch, so what is drawn depends neither on the processes nor on the passes it was dealt out to.

    Parameters
    ----------
    pieces : of this process, one of each forward pass, equally many on every process
    count : how many to draw
    generator : in the same state on every process

    Returns
    -------
    None where no process has a frame
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
    in_batch = sizes.permute(
        2, 1, 0
    ).flatten()  # row r + n (j + A i) of the whole batch is row i of pass j of process r
    ends = in_batch.cumsum(0)
    if not len(ends) or not ends[-1]:
        return None
    picks = torch.randint(int(ends[-1]), (count,), generator=generator)
    rows = torch.searchsorted(ends, picks, right=True)
    before = (sizes[rank].flatten().cumsum(0) - sizes[rank].flatten()).view_as(
        sizes[rank]
    )  # frames here before each row
    here = rows % ranks == rank
    place, row = rows // ranks % len(pieces), rows // ranks // len(pieces)
    index = before[place, row] + picks - (ends - in_batch)[rows]
    drawn = torch.zeros(count, frames.shape[1], device=frames.device)
    drawn[here.to(frames.device)] = frames[index[here].to(frames.device)]
    sum_over_processes(drawn)
    return drawn
