"""The gated PixelCNN over a grid of codes: a distribution of each code given those before it in raster order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech_image.nn.batch import CodeBatch, Terms, shared_terms


def gate(both: Tensor) -> Tensor:
    """tanh(first half) * sigmoid(second half) of the channels (batch, 2 * width, ...)."""
    first, second = both.chunk(2, 1)
    return first.tanh() * second.sigmoid()


class GatedLayer(nn.Module):
    """One layer of both stacks (van den Oord et al. 2016, arXiv 1606.05328, figure 2 and eq. 2).

    The vertical stack at (i, j) sees the rows above i (and, behind the first layer, row i of its own input, which knows only rows above); the
    horizontal stack sees what is left of j in row i and, through a 1 x 1 convolution, the vertical stack. So nothing before (i, j) is
    hidden from it and nothing after can be seen. Filters hold only what a masked one would leave: no weight is multiplied by zero.

    Parameters
    ----------
    width : channels of each stack
    kernel : odd side of the square filter that the two stacks share out
    first : mask A: the horizontal stack does not see (i, j) itself, and there is no residual connection
    classes : number of classes that shift the gates; 0 for none
    latents : channels of a vector that shifts the gates instead; 0 for none
    """

    def __init__(self, width: int, kernel: int, *, first: bool, classes: int = 0, latents: int = 0) -> None:
        super().__init__()
        self.first = first
        self.reach = kernel // 2
        self.rows = self.reach + (not first)
        self.taps = self.reach + (not first)
        self.vertical = nn.Conv2d(width, 2 * width, (self.rows, kernel))
        self.across = nn.Conv2d(2 * width, 2 * width, 1)
        self.horizontal = nn.Conv2d(width, 2 * width, (1, self.taps))
        self.residual = nn.Conv2d(width, width, 1)
        self.by_told: nn.Module | None = None
        if classes or latents:
            self.by_told = nn.Embedding(classes, 2 * width) if classes else nn.Linear(latents, 2 * width)

    def shift(self, told: Tensor | None) -> Tensor | float:
        """What a class (batch,) or a vector (batch, latents) adds to the gates of both stacks: (batch, 2 * width, 1, 1), or nothing."""
        if self.by_told is None:
            return 0.0
        assert told is not None
        shift: Tensor = self.by_told(told)
        return shift[:, :, None, None]

    def forward(self, above: Tensor, left: Tensor, told: Tensor | None) -> tuple[Tensor, Tensor]:
        """Outputs of the vertical and the horizontal stack, of their inputs, all (batch, width, rows, columns)."""
        rows, columns = above.shape[2:]
        padded = F.pad(above, (self.reach, self.reach, self.reach, 0))
        both = self.vertical(padded)[:, :, :rows]
        shift = self.shift(told)
        seen = self.horizontal(F.pad(left, (self.reach, 0)))[..., :columns]
        mixed = gate(seen + self.across(both) + shift)
        mixed = self.residual(mixed)
        return gate(both + shift), mixed if self.first else mixed + left


class GatedPixelCNN(nn.Module):
    """p(codes) = product over positions in raster order, and within a position over codebooks, of p(code | what came before).

    The stacks say what the positions before know; each codebook then has a hidden layer that also sees the codes chosen before it at
    the same position. Training takes mean nats per code.

    Parameters
    ----------
    codebook_sizes : codes of each codebook
    layers, width, first_kernel, kernel, head_width : as in `vqspeech_image.config.PriorConfig`
    classes : number of classes it is told; 0 for none
    latents : channels of a vector that it is told instead of a class; 0 for none
    """

    def __init__(
        self,
        codebook_sizes: Sequence[int],
        *,
        layers: int,
        width: int,
        first_kernel: int = 7,
        kernel: int = 3,
        head_width: int = 256,
        classes: int = 0,
        latents: int = 0,
    ) -> None:
        super().__init__()
        self.codebook_sizes = tuple(codebook_sizes)
        self.width = width
        self.classes = classes
        self.embeddings = nn.ModuleList(nn.Embedding(size, width) for size in codebook_sizes)
        self.layers = nn.ModuleList(
            GatedLayer(width, kernel if number else first_kernel, first=number == 0, classes=classes, latents=latents)
            for number in range(layers)
        )
        self.hidden = nn.ModuleList(nn.Linear(width, head_width) for _ in codebook_sizes)
        self.chosen = nn.ModuleList(nn.Embedding(size, head_width) for size in self.codebook_sizes[:-1])
        self.logits = nn.ModuleList(nn.Linear(head_width, size) for size in codebook_sizes)

    def embedded(self, codes: Tensor) -> Tensor:
        """(batch, width, rows, columns) sum of the embeddings of codes (batch, codebooks, rows, columns)."""
        parts = [embedding(codes[:, book]) for book, embedding in enumerate(self.embeddings)]
        return torch.stack(parts).sum(0).permute(0, 3, 1, 2)

    def features(self, codes: Tensor, told: Tensor | None = None) -> Tensor:
        """What each position is told by those before it: (batch, rows, columns, width)."""
        above = left = self.embedded(codes)
        for layer in self.layers:
            above, left = layer(above, left, told)
        return left.permute(0, 2, 3, 1).relu()

    def book_logits(self, features: Tensor, before: Sequence[Tensor]) -> Tensor:
        """Logits (..., K) of codebook number len(before), from features (..., width) and the codes (...,) of the codebooks before it."""
        book = len(before)
        hidden = self.hidden[book](features)
        for number, codes in enumerate(before):
            hidden = hidden + self.chosen[number](codes)
        return self.logits[book](hidden.relu())

    def forward(self, codes: Tensor, told: Tensor | None = None) -> list[Tensor]:
        """Logits of every code: for each codebook (batch, rows, columns, K).

        Parameters
        ----------
        codes : (batch, codebooks, rows, columns) int64
        told : (batch,) int64 classes, or (batch, latents), for a prior that is told them
        """
        features = self.features(codes, told)
        books = codes.unbind(1)
        return [self.book_logits(features, books[:book]) for book in range(len(books))]

    def nll(self, codes: Tensor, told: Tensor | None = None) -> Tensor:
        """-log p in nats of every code, (batch, codebooks, rows, columns)."""
        parts = []
        for book, logits in enumerate(self(codes, told)):
            losses = F.cross_entropy(logits.float().flatten(0, 2), codes[:, book].flatten(), reduction="none")
            parts.append(losses.view(codes[:, book].shape))
        return torch.stack(parts, 1)

    def start(self, batch: CodeBatch, generator: torch.Generator) -> None:
        """Nothing: all of it is learned."""

    def update(self, generator: torch.Generator) -> None:
        """Nothing."""

    def loss(self, batch: CodeBatch, generator: torch.Generator | None = None) -> Terms:
        """Mean nats per code of a batch."""
        nll = self.nll(batch.codes, self._labels(batch)).mean()
        return shared_terms(batch, nll, {"nll": nll}, batch.codes.flatten(2))

    @torch.no_grad()
    def shuffled_nll(self, batch: CodeBatch) -> Tensor:
        """Mean nats per code when each grid is told the class of the next one; without classes there is nothing to shuffle."""
        labels = self._labels(batch)
        return self.nll(batch.codes, None if labels is None else labels.roll(1, 0)).mean()

    def _labels(self, batch: CodeBatch) -> Tensor | None:
        return batch.labels if self.classes else None
