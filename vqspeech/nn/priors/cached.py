"""Sample with caches: vertical stack per row, horizontal stack per position.

The outputs of a layer for earlier rows and columns do not change when later codes are drawn, so they are kept: the
last rows of every layer's vertical input, and the current row of every layer's horizontal input. The cost of a code
is that of one column of one row, independently of the size of the grid (Ramachandran et al. 2017, arXiv 1704.06001).
Attention keeps keys and values of the positions before and attends to all of them, so that this part, and only this
part, grows with the grid.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.kernels.workers import one_thread
from vqspeech.nn.priors.attention import CausalAttention, gate, places
from vqspeech.nn.priors.draws import checked_temperature, draw
from vqspeech.nn.priors.gated import GatedLayer, GatedPixelCNN


class _Horizontal(NamedTuple):
    """Weights of a layer's horizontal stack.

    Parameters
    ----------
    taps, first : as in `GatedLayer`
    shift : (2 * width, 1, 1) bias
    filter : (taps * width, 2 * width)
    residual, bias : (width, width) and (width,) of the 1 x 1 convolution
    """

    taps: int
    first: bool
    shift: Tensor
    filter: Tensor
    residual: Tensor
    bias: Tensor


@torch.no_grad()
def sample_cached(
    model: GatedPixelCNN,
    uniform: Tensor,
    condition: Tensor | None = None,
    *,
    coarse: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Draw codes (batch, codebooks, rows, columns) int64, draw for draw those of `sample_naive`.

    Parameters
    ----------
    model : model in evaluation mode, on the CPU
    uniform : (batch, codebooks, rows, columns) in [0, 1), one number for each code
    condition : (batch,) int64 classes, or (batch, latents), for a model that is conditioned on them
    coarse : (batch, codebooks, rows, columns) codes of the coarser grid, for a model that is conditioned on them
    temperature : see `draw`
    """
    sampler = _Sampler(model, uniform, condition, coarse, checked_temperature(temperature))
    with one_thread():
        return sampler.run()


class _Memory:
    """Cached keys and values (batch, heads, 1 + positions, head_width) of an attention block."""

    def __init__(self, block: CausalAttention, batch: int, rows: int, columns: int) -> None:
        self.block = block
        self.places = places(rows, columns)
        shape = batch, block.heads, 1 + rows * columns, block.head_width
        self.keys, self.values = torch.zeros(shape), torch.zeros(shape)
        self.left = torch.zeros(batch, 1, 0)

    def attend(self, place: int, left: Tensor) -> Tensor:
        """Apply the block to the stack (batch, width) at a place."""
        self.left = left[:, None]
        queries = self.block.queries(self.left, self.places[place : place + 1])
        known = place + 1
        attended = F.scaled_dot_product_attention(queries, self.keys[:, :, :known], self.values[:, :, :known])
        return self.block.merged(self.left, attended)[:, 0]

    def keep(self, place: int, embedded: Tensor) -> None:
        """Keep key and value of a place, once its codes (batch, width) are drawn."""
        keys, values = self.block.keys_values(embedded[:, None], self.left, self.places[place : place + 1])
        self.keys[:, :, place + 1], self.values[:, :, place + 1] = keys[:, :, 0], values[:, :, 0]


class _Sampler:
    def __init__(
        self,
        model: GatedPixelCNN,
        uniform: Tensor,
        condition: Tensor | None,
        coarse: Tensor | None,
        temperature: float,
    ) -> None:
        self.model, self.uniform, self.temperature = model, uniform, temperature
        self.batch, self.books, self.rows, self.columns = uniform.shape
        self.layers: list[GatedLayer] = list(model.layers)  # type: ignore[arg-type]
        self.codes = torch.zeros(self.batch, self.books, self.rows, self.columns, dtype=torch.int64)
        width, columns = model.width, self.columns
        # of each layer: the rows of its vertical input that its filter still needs, with its padding
        self.above = [torch.zeros(self.batch, width, layer.rows, columns + 2 * layer.reach) for layer in self.layers]
        # of each layer: the current row of its horizontal input, with its padding
        self.left = [torch.zeros(self.batch, columns + layer.reach, width) for layer in self.layers]
        self.horizontal = [_packed(layer) for layer in self.layers]
        self.shifts = model.shifts((self.rows, self.columns), condition, coarse)
        self.memories = {
            int(number): _Memory(block, self.batch, self.rows, self.columns)  # type: ignore[arg-type]
            for number, block in model.attention.items()
        }

    def run(self) -> Tensor:
        for row in range(self.rows):
            bases = self._vertical(row)
            for left in self.left:
                left.zero_()
            for column in range(self.columns):
                self._position(row, column, bases)
            self._keep_row(row)
        return self.codes

    def _vertical(self, row: int) -> list[Tensor]:
        """Run the vertical stack for a row; return its part of the gates of each layer."""
        bases = []
        for number, layer in enumerate(self.layers):
            both = layer.vertical(self.above[number])
            shift = self.shifts[number]
            if isinstance(shift, Tensor) and shift.shape[2] > 1:
                shift = shift[:, :, row : row + 1]
            base = layer.across(both) + shift + self.horizontal[number].shift
            bases.append(base[:, :, 0].permute(2, 0, 1).contiguous())
            if number + 1 < len(self.layers):
                self._push(number + 1, gate(both + shift)[:, :, 0])
        return bases

    def _push(self, number: int, row: Tensor) -> None:
        """Add a row (batch, width, columns) at the bottom of a layer's vertical input."""
        above, reach = self.above[number], self.layers[number].reach
        if above.shape[2] > 1:
            above[:, :, :-1] = above[:, :, 1:].clone()
        above[:, :, -1, reach : reach + self.columns] = row

    def _position(self, row: int, column: int, bases: list[Tensor]) -> None:
        features = self._features(row, column, bases)
        drawn: list[Tensor] = []
        for book in range(self.books):
            logits = self.model.book_logits(features, drawn)
            drawn.append(draw(logits, self.uniform[:, book, row, column], self.temperature))
        self.codes[:, :, row, column] = torch.stack(drawn, 1)
        embedded = self.model.embeddings[0](drawn[0])
        for book in range(1, self.books):
            embedded = embedded + self.model.embeddings[book](drawn[book])
        self.left[0][:, column + self.layers[0].reach] = embedded
        for memory in self.memories.values():
            memory.keep(row * self.columns + column, embedded)

    def _features(self, row: int, column: int, bases: list[Tensor]) -> Tensor:
        """Run the horizontal stack at a position, (batch, width)."""
        width, below = self.model.width, self.left[0]
        for number, layer in enumerate(self.horizontal):
            taps = self.left[number][:, column : column + layer.taps].flatten(1)
            both = torch.addmm(bases[number][column], taps, layer.filter)
            mixed = torch.addmm(layer.bias, both[:, :width].tanh() * both[:, width:].sigmoid(), layer.residual)
            if not layer.first:
                mixed += self.left[number][:, column + layer.taps - 1]
            if number in self.memories:
                mixed = self.memories[number].attend(row * self.columns + column, mixed)
            if number + 1 < len(self.layers):
                below = self.left[number + 1]
                below[:, column + self.layers[number + 1].reach] = mixed
        return mixed.relu()

    def _keep_row(self, row: int) -> None:
        embedded = self.model.embedded(self.codes[:, :, row : row + 1])
        self._push(0, embedded[:, :, 0])


def _packed(layer: GatedLayer) -> _Horizontal:
    # (2 * width, width, taps), as it meets the padded row
    kernel = layer.horizontal.weight[:, :, 0]
    return _Horizontal(
        taps=layer.taps,
        first=layer.first,
        shift=layer.horizontal.get_parameter("bias")[:, None, None],
        filter=kernel.permute(2, 1, 0).flatten(0, 1).contiguous(),
        residual=layer.residual.weight[:, :, 0, 0].T.contiguous(),
        bias=layer.residual.bias,  # type: ignore[arg-type]
    )
