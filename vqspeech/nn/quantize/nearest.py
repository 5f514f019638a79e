"""Which code is nearest, and what the frames of each code add up to."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK_BYTES = 4 * 2**20
"""Bound on the (frames, codes) matrix of scores that `nearest_code` builds at a time; what stays in a core's cache."""


def nearest_code(frames: Tensor, codebook: Tensor, *, chunk_bytes: int = CHUNK_BYTES) -> Tensor:
    """Index of the nearest code of each frame in Euclidean distance, computed in float32 (ties: the lowest index).

    argmin |z - e|^2 = argmin (|e|^2 / 2 - z.e): the frame's own norm does not matter and is left out.

    Parameters
    ----------
    frames : (frames, dim)
    codebook : (codes, dim)
    chunk_bytes : the (frames, codes) matrix is built in pieces of at most this many bytes

    Returns
    -------
    (frames,) int64
    """
    with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
        codebook = codebook.float()
        half_norms = codebook.square().sum(1) / 2
        rows = max(1, chunk_bytes // (4 * len(codebook)))
        scores = codebook.new_empty(
            min(rows, len(frames)), len(codebook)
        )  # one for all pieces: allocators keep what is freed
        pieces = [
            _least(torch.addmm(half_norms, piece.float(), codebook.T, alpha=-1, out=scores[: len(piece)]))
            for piece in frames.split(rows)
        ]
        return torch.cat(pieces) if pieces else torch.zeros(0, dtype=torch.int64, device=frames.device)


def _least(scores: Tensor) -> Tensor:
    """Place of the least score of each row; NumPy's search is vectorised on CPUs, PyTorch's is not and takes ten times as long."""
    if scores.device.type == "cpu" and not torch.compiler.is_compiling():
        return torch.from_numpy(scores.numpy().argmin(1))
    return scores.argmin(1)


def code_statistics(frames: Tensor, codes: Tensor, size: int, *, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """How often each code was chosen (size,), and the sum of its frames (size, dim); float32.

    Without a one-hot matrix and without waiting for the device. On CUDA the order of additions varies from run to run unless
    ``torch.use_deterministic_algorithms(True)``.

    Parameters
    ----------
    frames : (frames, dim), zeros where not valid
    codes : (frames,) int64
    valid : (frames,) bool, the frames that count; None for all
    """
    weight = torch.ones(len(codes), device=frames.device) if valid is None else valid.float()
    counts = torch.zeros(size, device=frames.device).index_add_(0, codes, weight)
    sums = torch.zeros(size, frames.shape[1], device=frames.device).index_add_(0, codes, frames.float())
    return counts, sums
