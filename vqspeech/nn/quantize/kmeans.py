"""K-means, which initialises codebooks."""

from __future__ import annotations

import torch
from torch import Tensor

from vqspeech.nn.quantize.nearest import code_statistics, nearest_code


def k_means(frames: Tensor, codes: int, generator: torch.Generator, *, iterations: int = 20) -> Tensor:
    """Run Lloyd's algorithm from random frames; empty clusters restart at random frames.

    Parameters
    ----------
    frames : (frames, dim), at least one; with fewer frames than codes, some are drawn twice, with a little noise
    codes : number of clusters

    Returns
    -------
    (codes, dim) float32 centroids
    """
    frames = frames.float()
    count = len(frames)
    picks = torch.randperm(count, generator=generator)[:codes]
    if count < codes:
        picks = torch.cat([picks, torch.randint(count, (codes - count,), generator=generator)])
    centroids = frames[picks.to(frames.device)].clone()
    if count < codes:
        noise = torch.randn(centroids.shape, generator=generator).to(centroids)
        return centroids + 1e-3 * frames.std(correction=0) * noise
    for _ in range(iterations):
        sizes, sums = code_statistics(frames, nearest_code(frames, centroids), codes)
        empty = sizes == 0
        spare = frames[torch.randint(count, (codes,), generator=generator).to(frames.device)]
        centroids = torch.where(empty[:, None], spare, sums / sizes.clamp_min(1)[:, None])
    return centroids
