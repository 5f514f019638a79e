"""Sample from a PixelRNN with caches: a step of each LSTM per position, and one from the right per row and column.

States of earlier positions do not change when later codes are drawn, so each layer keeps those of the row above and
of the position to the left. The LSTMs from the right run over a row once it is complete. The cost of a code is
independent of the size of the grid.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.nn.priors.draws import checked_temperature, draw
from vqspeech_image.nn.diagonal import GATES, DiagonalBiLSTM, step
from vqspeech_image.nn.pixelrnn import PixelRNN


@torch.no_grad()
def sample_pixelrnn(
    model: PixelRNN,
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
    condition : (batch,) int64 classes, for a model that is conditioned on them
    coarse : (batch, codebooks, rows, columns) codes of the coarser grid, for a model that is conditioned on them
    temperature : see `draw`
    """
    return _Sampler(model, uniform, condition, coarse, checked_temperature(temperature)).run()


class _Sampler:
    def __init__(
        self, model: PixelRNN, uniform: Tensor, condition: Tensor | None, coarse: Tensor | None, temperature: float
    ) -> None:
        self.model, self.uniform, self.temperature = model, uniform, temperature
        self.condition = condition
        self.batch, self.books, self.rows, self.columns = uniform.shape
        self.layers: list[DiagonalBiLSTM] = list(model.layers)  # type: ignore[arg-type]
        self.map = model.map_features((self.rows, self.columns), coarse)
        self.codes = torch.zeros(self.batch, self.books, self.rows, self.columns, dtype=torch.int64)
        self.reach, width = model.first.reach, model.width
        # embedded codes of the rows that the first filter still needs, with its padding
        self.above = torch.zeros(self.batch, width, self.reach, self.columns + 2 * self.reach)
        # of each layer: states of the row above, from the left and from the right
        self.from_left = torch.zeros(self.columns, len(self.layers), self.batch, width)
        self.from_right = torch.zeros(self.columns, len(self.layers), self.batch, width)
        self.taps = model.first.left.weight[:, :, 0].permute(2, 1, 0).flatten(0, 1)
        self.state_left, self.state_right = torch.stack([layer.state for layer in self.layers], 1)

    def run(self) -> Tensor:
        for row in range(self.rows):
            self._row(row)
        return self.codes

    def _row(self, row: int) -> None:
        """Draw the codes of a row, and run the LSTMs from the right over it."""
        above = self.model.first.above(self.above)[:, :, 0]
        embedded = torch.zeros(self.batch, self.columns + self.reach, self.model.width)
        # of each layer: state and cell of the position to the left
        states = torch.zeros(2, len(self.layers), self.batch, self.model.width)
        right = []
        for column in range(self.columns):
            taps = embedded[:, column : column + self.reach].flatten(1)
            features, gates = self._position(row, column, above[:, :, column] + taps @ self.taps, states)
            here = self._draw(row, column, features)
            embedded[:, column + self.reach] = here
            gates[0] += self.model.own(here)
            right.append(gates)
        self._from_right(right)
        self.above = torch.cat([self.above[:, :, 1:], F.pad(embedded.mT, (0, self.reach))[:, :, None]], 2)

    def _position(self, row: int, column: int, x: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """Compute features (batch, 2 * width), and gates (layers, batch, 4 * width) of the LSTMs from the right."""
        mapped = None if self.map is None else self.map[:, row : row + 1, column : column + 1]
        x, right = x[:, None, None], []
        for number, layer in enumerate(self.layers):
            both = layer.gates(x, self.condition, mapped)[:, 0, 0]
            one = slice(number, number + 1)
            above = self.from_left[column, one]
            left, cell = step(
                both[None, :, : GATES * layer.width], states[0, one], above, states[1, one], self.state_left[one]
            )
            states[0, number], states[1, number] = left[0], cell[0]
            # The row above is complete in this column, and no later position of this row needs it.
            self.from_left[column, number] = left[0]
            right.append(both[:, GATES * layer.width :])
            x = layer.merged(x, left[0][:, None, None], self.from_right[column, number][:, None, None])
        return x[:, 0, 0].relu(), torch.stack(right)

    def _draw(self, row: int, column: int, features: Tensor) -> Tensor:
        """Draw the codes of a position, and embed them (batch, width)."""
        drawn: list[Tensor] = []
        for book in range(self.books):
            logits = self.model.book_logits(features, drawn)
            drawn.append(draw(logits, self.uniform[:, book, row, column], self.temperature))
        here = torch.stack(drawn, 1)
        self.codes[:, :, row, column] = here
        return self.model.embedded(here[:, :, None, None])[:, :, 0, 0]

    def _from_right(self, gates: list[Tensor]) -> None:
        """Run the LSTMs from the right, of all layers at once, over a row with these gates of each column."""
        state, cell = torch.zeros(2, len(self.layers), self.batch, self.model.width)
        for column in reversed(range(self.columns)):
            state, cell = step(gates[column], state, self.from_right[column], cell, self.state_right)
            self.from_right[column] = state
