"""What networks over grids of codes share: embeddings, logits of each codebook, and their cost."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CodeNetwork(nn.Module):
    """p(codes) = product of p(code | previous codes): positions in raster order, codebooks of a position in turn.

    A subclass computes `features` of the positions before. Each codebook then has a hidden layer that also sees the
    codes of the codebooks before it at the same position.

    Parameters
    ----------
    codebook_sizes : codes of each codebook
    width : channels of embedded codes
    """

    def __init__(self, codebook_sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.codebook_sizes = tuple(codebook_sizes)
        self.width = width
        self.embeddings = nn.ModuleList(nn.Embedding(size, width) for size in codebook_sizes)

    def add_heads(self, width: int, head_width: int) -> None:
        """Add the layers behind the features; the last step of a constructor.

        Parameters
        ----------
        width : channels of `features`
        head_width : channels between features and logits
        """
        self.hidden = nn.ModuleList(nn.Linear(width, head_width) for _ in self.codebook_sizes)
        self.chosen = nn.ModuleList(nn.Embedding(size, head_width) for size in self.codebook_sizes[:-1])
        self.logits = nn.ModuleList(nn.Linear(head_width, size) for size in self.codebook_sizes)

    def embedded(self, codes: Tensor) -> Tensor:
        """Embed codes; see `embedded`."""
        return embedded(self.embeddings, codes)

    def features(self, codes: Tensor, condition: Tensor | None = None, coarse: Tensor | None = None) -> Tensor:
        """Compute features of the codes before each position, (batch, rows, columns, channels)."""
        raise NotImplementedError

    def book_hidden(self, features: Tensor, before: Sequence[Tensor]) -> Tensor:
        """Compute what the logits of the codebook with number len(before) are linear in, (..., head_width).

        Parameters
        ----------
        features : (..., channels)
        before : codes (...,) of each codebook before it
        """
        hidden: Tensor = self.hidden[len(before)](features)
        for number, codes in enumerate(before):
            hidden = hidden + self.chosen[number](codes)
        return hidden.relu()

    def book_logits(self, features: Tensor, before: Sequence[Tensor]) -> Tensor:
        """Compute the logits (..., K) of the codebook with number len(before); arguments as in `book_hidden`."""
        logits: Tensor = self.logits[len(before)](self.book_hidden(features, before))
        return logits

    def forward(self, codes: Tensor, condition: Tensor | None = None, coarse: Tensor | None = None) -> list[Tensor]:
        """Compute the logits of every code: for each codebook (batch, rows, columns, K).

        Parameters
        ----------
        codes : (batch, codebooks, rows, columns) int64
        condition : (batch,) int64 classes, or (batch, latents), for a network that is conditioned on them
        coarse : (batch, codebooks, rows, columns) int64 codes of the coarser grid, for a network that is conditioned
            on them
        """
        features = self.features(codes, condition, coarse)
        books = codes.unbind(1)
        return [self.book_logits(features, books[:book]) for book in range(len(books))]

    def nll(self, codes: Tensor, condition: Tensor | None = None, coarse: Tensor | None = None) -> Tensor:
        """Compute -log p in nats of every code, (batch, codebooks, rows, columns)."""
        parts = []
        for book, logits in enumerate(self(codes, condition, coarse)):
            losses = F.cross_entropy(logits.float().flatten(0, 2), codes[:, book].flatten(), reduction="none")
            parts.append(losses.view(codes[:, book].shape))
        return torch.stack(parts, 1)


def embedded(embeddings: nn.ModuleList, codes: Tensor) -> Tensor:
    """Sum embeddings of codes over codebooks, to (batch, width, rows, columns)."""
    parts = [embedding(codes[:, book]) for book, embedding in enumerate(embeddings)]
    return torch.stack(parts).sum(0).permute(0, 3, 1, 2)
