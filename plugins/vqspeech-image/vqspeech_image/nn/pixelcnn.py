"""The gated PixelCNN over a grid of codes: a distribution of each code given those before it in raster order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.batch import CodeBatch, LossTerms, weighted_terms
from vqspeech_image.nn.attention import CausalAttention
from vqspeech_image.nn.condition import CodeMap
from vqspeech_image.nn.gate import gate


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
    mapped : whether a map of the grid shifts them too, each position by what it says there
    """

    def __init__(
        self, width: int, kernel: int, *, first: bool, classes: int = 0, latents: int = 0, mapped: bool = False
    ) -> None:
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
        self.by_map = nn.Conv2d(width, 2 * width, 1, bias=False) if mapped else None

    def shift(self, told: Tensor | None, map_: Tensor | None) -> Tensor | float:
        """What a class (batch,) or a vector (batch, latents), and a map (batch, width, rows, columns), add to the gates of both stacks.

        Returns
        -------
        (batch, 2 * width, 1, 1), with a map (batch, 2 * width, rows, columns), or 0.0 when there is nothing to tell
        """
        shift: Tensor | float = 0.0
        if self.by_told is not None:
            assert told is not None
            shift = self.by_told(told)[:, :, None, None]
        if self.by_map is not None:
            assert map_ is not None
            shift = self.by_map(map_) + shift
        return shift

    def forward(self, above: Tensor, left: Tensor, told: Tensor | None, map_: Tensor | None) -> tuple[Tensor, Tensor]:
        """Outputs of the vertical and the horizontal stack, of their inputs, all (batch, width, rows, columns); `told` and `map_` as above."""
        rows, columns = above.shape[2:]
        padded = F.pad(above, (self.reach, self.reach, self.reach, 0))
        both = self.vertical(padded)[:, :, :rows]
        shift = self.shift(told, map_)
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
    attention_blocks : of `CausalAttention`, spread evenly behind the layers; 0 for none
    attention_heads, attention_width : of each block, and channels of each head
    top_codebook_sizes : codes of each codebook of a coarser grid that it is told; empty for none
    top_blocks : residual blocks over them
    """

    criterion = "nll"

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
        attention_blocks: int = 0,
        attention_heads: int = 4,
        attention_width: int = 16,
        top_codebook_sizes: Sequence[int] = (),
        top_blocks: int = 3,
    ) -> None:
        super().__init__()
        self.codebook_sizes = tuple(codebook_sizes)
        self.width = width
        self.classes = classes
        self.embeddings = nn.ModuleList(nn.Embedding(size, width) for size in codebook_sizes)
        self.layers = nn.ModuleList(
            GatedLayer(
                width,
                kernel if number else first_kernel,
                first=number == 0,
                classes=classes,
                latents=latents,
                mapped=bool(top_codebook_sizes),
            )
            for number in range(layers)
        )
        behind = {(block + 1) * layers // attention_blocks - 1 for block in range(attention_blocks)}
        self.attention = nn.ModuleDict(
            {str(number): CausalAttention(width, attention_heads, attention_width) for number in sorted(behind)}
        )
        self.top_map: CodeMap | None = None
        if top_codebook_sizes:
            self.top_map = CodeMap(top_codebook_sizes, width, top_blocks)
        self.hidden = nn.ModuleList(nn.Linear(width, head_width) for _ in codebook_sizes)
        self.chosen = nn.ModuleList(nn.Embedding(size, head_width) for size in self.codebook_sizes[:-1])
        self.logits = nn.ModuleList(nn.Linear(head_width, size) for size in codebook_sizes)

    def embedded(self, codes: Tensor) -> Tensor:
        """(batch, width, rows, columns) sum of the embeddings of codes (batch, codebooks, rows, columns)."""
        parts = [embedding(codes[:, book]) for book, embedding in enumerate(self.embeddings)]
        return torch.stack(parts).sum(0).permute(0, 3, 1, 2)

    def map_of(self, top: Tensor | None, grid: tuple[int, int]) -> Tensor | None:
        """What all layers are told of codes (batch, codebooks, rows, columns) of the coarser grid: (batch, width, *grid), or nothing."""
        if self.top_map is None:
            return None
        assert top is not None
        found: Tensor = self.top_map(top, grid)
        return found

    def features(self, codes: Tensor, told: Tensor | None = None, top: Tensor | None = None) -> Tensor:
        """What each position is told by those before it: (batch, rows, columns, width)."""
        map_ = self.map_of(top, (codes.shape[2], codes.shape[3]))
        embedded = above = left = self.embedded(codes)
        for number, layer in enumerate(self.layers):
            above, left = layer(above, left, told, map_)
            if str(number) in self.attention:
                left = self.attention[str(number)](embedded, left)
        return left.permute(0, 2, 3, 1).relu()

    def book_logits(self, features: Tensor, before: Sequence[Tensor]) -> Tensor:
        """Logits (..., K) of codebook number len(before), from features (..., width) and the codes (...,) of the codebooks before it."""
        book = len(before)
        hidden = self.hidden[book](features)
        for number, codes in enumerate(before):
            hidden = hidden + self.chosen[number](codes)
        return self.logits[book](hidden.relu())

    def forward(self, codes: Tensor, told: Tensor | None = None, top: Tensor | None = None) -> list[Tensor]:
        """Logits of every code: for each codebook (batch, rows, columns, K).

        Parameters
        ----------
        codes : (batch, codebooks, rows, columns) int64
        told : (batch,) int64 classes, or (batch, latents), for a prior that is told them
        top : (batch, codebooks, rows, columns) int64 codes of the coarser grid, for a prior that is told them
        """
        features = self.features(codes, told, top)
        books = codes.unbind(1)
        return [self.book_logits(features, books[:book]) for book in range(len(books))]

    def nll(self, codes: Tensor, told: Tensor | None = None, top: Tensor | None = None) -> Tensor:
        """-log p in nats of every code, (batch, codebooks, rows, columns)."""
        parts = []
        for book, logits in enumerate(self(codes, told, top)):
            losses = F.cross_entropy(logits.float().flatten(0, 2), codes[:, book].flatten(), reduction="none")
            parts.append(losses.view(codes[:, book].shape))
        return torch.stack(parts, 1)

    def start(self, batch: CodeBatch, generator: torch.Generator) -> None:
        """Nothing: all of it is learned."""

    def update(self, generator: torch.Generator) -> None:
        """Nothing."""

    def loss(self, batch: CodeBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Mean nats per code of a batch."""
        nll = self.nll(batch.codes, self._labels(batch), batch.above).mean()
        return weighted_terms(batch.weight, nll, {"nll": nll}, batch.codes.flatten(2))

    @torch.no_grad()
    def shuffled(self, batch: CodeBatch) -> Tensor | None:
        """Mean nats per code given the class and the coarser codes of the next grid; None for a prior without conditions."""
        labels = self._labels(batch)
        if labels is None and batch.above is None:
            return None
        swapped = None if labels is None else labels.roll(1, 0)
        return self.nll(batch.codes, swapped, None if batch.above is None else batch.above.roll(1, 0)).mean()

    def _labels(self, batch: CodeBatch) -> Tensor | None:
        return batch.condition if self.classes else None
