"""What a prior over the codes of a level is told of the level above: its codes, as a map of the finer grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech_image.nn.autoencoder import ResidualBlock


class CodeMap(nn.Module):
    """Codes of a coarse grid to features of a fine one: embedded, repeated to the fine grid, residual 3 x 3 blocks (as in rosinality/vq-vae-2-pytorch).

    Parameters
    ----------
    codebook_sizes : codes of each codebook of the coarse grid
    width : channels
    blocks : residual blocks
    """

    def __init__(self, codebook_sizes: Sequence[int], width: int, blocks: int) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(size, width) for size in codebook_sizes)
        self.blocks = nn.Sequential(*(ResidualBlock(width, normalised=False) for _ in range(blocks)))

    def forward(self, codes: Tensor, grid: tuple[int, int]) -> Tensor:
        """(batch, width, *grid) of codes (batch, codebooks, rows, columns)."""
        parts = [embedding(codes[:, book]) for book, embedding in enumerate(self.embeddings)]
        embedded = torch.stack(parts).sum(0).permute(0, 3, 1, 2)
        found: Tensor = self.blocks(F.interpolate(embedded, size=grid, mode="nearest"))
        return found
