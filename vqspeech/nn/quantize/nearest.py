"""The nearest code of a frame, and the sums of frames of each code."""

from __future__ import annotations

import torch
from torch import Tensor

from vqspeech.nn.dft import exporting

CHUNK_BYTES = 4 * 2**20
"""Size limit of the (frames, codes) matrix of scores in `nearest_code`, so that it stays in a core's cache."""

GPU_CHUNK_BYTES = 256 * 2**20
"""The same on GPUs, where few large products are faster."""


def nearest_code(frames: Tensor, codebook: Tensor, *, chunk_bytes: int = CHUNK_BYTES) -> Tensor:
    """Return each frame's nearest code in Euclidean distance, in float32 (ties: lowest index).

    argmin |z - e|^2 = argmin (|e|^2 / 2 - z.e): the norm of the frame is irrelevant.

    Parameters
    ----------
    frames : (frames, dim)
    codebook : (codes, dim)
    chunk_bytes : size limit of the pieces of the (frames, codes) matrix

    Returns
    -------
    (frames,) int64
    """
    with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
        codebook = codebook.float()
        half_norms = codebook.square().sum(1) / 2
        if exporting():
            return torch.addmm(half_norms, frames.float(), codebook.T, alpha=-1).argmin(1)
        if frames.is_cuda:
            chunk_bytes = max(chunk_bytes, GPU_CHUNK_BYTES)
        rows = max(1, chunk_bytes // (4 * len(codebook)))
        # One buffer for all pieces, since allocators keep freed memory.
        scores = codebook.new_empty(min(rows, len(frames)), len(codebook))
        pieces = [
            _least(torch.addmm(half_norms, piece.float(), codebook.T, alpha=-1, out=scores[: len(piece)]))
            for piece in frames.split(rows)
        ]
        return torch.cat(pieces) if pieces else torch.zeros(0, dtype=torch.int64, device=frames.device)


def _least(scores: Tensor) -> Tensor:
    """Return the argmin of each row, by NumPy on CPUs, where it is ten times as fast."""
    if scores.device.type == "cpu" and not torch.compiler.is_compiling():
        return torch.from_numpy(scores.numpy().argmin(1))
    return scores.argmin(1)


def code_statistics(frames: Tensor, codes: Tensor, size: int, *, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Count how often each code was chosen (size,) and sum its frames (size, dim), in float32.

    Needs no one-hot matrix and no synchronisation with the device. On CUDA the order of additions varies between runs
    unless ``torch.use_deterministic_algorithms(True)`` is set.

    Parameters
    ----------
    frames : (frames, dim), zeros where not valid
    codes : (frames,) int64
    valid : (frames,) bool, the frames to count; None for all
    """
    weight = torch.ones(len(codes), device=frames.device) if valid is None else valid.float()
    counts = torch.zeros(size, device=frames.device).index_add_(0, codes, weight)
    sums = torch.zeros(size, frames.shape[1], device=frames.device).index_add_(0, codes, frames.float())
    return counts, sums
