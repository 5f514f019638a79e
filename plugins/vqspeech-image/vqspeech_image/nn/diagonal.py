"""The diagonal BiLSTM of PixelRNN; the positions of a diagonal are computed together."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GATES = 4
"""Input, forget and output gate, and the candidate of the cell."""

DIRECTIONS = 2
"""From the left, and from the right."""


def diagonal_order(rows: int, columns: int) -> tuple[list[int], list[int]]:
    """Return positions (row * columns + column) by diagonal, each from top to bottom, and the size of each diagonal."""
    diagonals = [
        [row * columns + number - row for row in range(max(0, number - columns + 1), min(rows, number + 1))]
        for number in range(rows + columns - 1)
    ]
    return [place for diagonal in diagonals for place in diagonal], [len(diagonal) for diagonal in diagonals]


def step(gates: Tensor, before: Tensor, above: Tensor, cell: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Compute state and cell of positions from those of their neighbours, in the precision of cells.

    Parameters
    ----------
    gates : (groups, positions, 4 * width) from the input
    before, above : states of the neighbours in the row and in the row above, (groups, positions, width)
    cell : cell of the neighbour in the row, (groups, positions, width)
    weight : (groups, 2 * width, 4 * width), for the two neighbours
    """
    gates = torch.baddbmm(gates, torch.cat([before, above], 2), weight).to(cell.dtype)
    opened, candidate = gates.split([3 * cell.shape[2], cell.shape[2]], 2)
    into, kept, out = opened.sigmoid().chunk(3, 2)
    cell = kept * cell + into * candidate.tanh()
    return out * cell.tanh(), cell


def scan(gates: Tensor, weight: Tensor) -> Tensor:
    """Compute states of the two directions in as many steps as there are diagonals.

    Each position of a diagonal has its neighbours on the diagonal before it. The paper moves row i by i columns to
    the right for this; here only positions of the grid are computed.

    Parameters
    ----------
    gates : (2, batch, rows, columns, 4 * width) from the input, columns in the order of the direction
    weight : see `step`

    Returns
    -------
    states (2, batch, rows, columns, width)
    """
    batch, rows, columns = gates.shape[1:4]
    places, sizes = diagonal_order(rows, columns)
    order = torch.tensor(places, device=gates.device)
    diagonals = gates.flatten(2, 3).transpose(1, 2).index_select(1, order).split(sizes, 1)
    state = cell = gates.new_zeros(DIRECTIONS, 0, batch, weight.shape[2] // GATES, dtype=weight.dtype)
    states = []
    for number, one in enumerate(diagonals):
        # Zeros above the first row, and left of the first column when the diagonal begins in a new row.
        edges = (0, 0, 0, 0, int(number < columns), int(number < rows))
        state, cell = F.pad(state, edges), F.pad(cell, edges)
        before, above, kept = (x.flatten(1, 2) for x in (state[:, 1:], state[:, :-1], cell[:, 1:]))
        state, cell = (x.unflatten(1, one.shape[1:3]) for x in step(one.flatten(1, 2), before, above, kept, weight))
        states.append(state)
    ordered = torch.cat(states, 1).index_select(1, order.argsort())
    return ordered.transpose(1, 2).unflatten(2, (rows, columns))


class DiagonalBiLSTM(nn.Module):
    """One layer (van den Oord et al. 2016, arXiv 1601.06759, sections 3.2 and 3.3, equation 3).

    An LSTM from the left has as neighbours the positions to the left and above, one from the right those to the right
    and above. The states of the second are moved down by a row and added to those of the first, so that a position
    depends on its own input, on inputs to its left, and on all rows above. The sum goes through a 1 x 1 convolution
    with a residual connection.

    Parameters
    ----------
    width : channels of the states; the stream between layers has twice as many
    classes : number of classes that shift the gates; 0 for none
    mapped : whether each position is also shifted by features of the grid (the paper's section 3.4)
    """

    def __init__(self, width: int, *, classes: int = 0, mapped: bool = False) -> None:
        super().__init__()
        stream, gates = 2 * width, DIRECTIONS * GATES * width
        self.width = width
        self.input = nn.Linear(stream, gates)
        self.state = nn.Parameter(torch.empty(DIRECTIONS, 2 * width, GATES * width))
        self.residual = nn.Linear(width, stream)
        self.by_class = nn.Embedding(classes, gates) if classes else None
        self.by_map = nn.Linear(stream, gates, bias=False) if mapped else None
        nn.init.uniform_(self.state, -((2 * width) ** -0.5), (2 * width) ** -0.5)
        with torch.no_grad():
            # Cells start with gates that keep them (Jozefowicz et al. 2015).
            self.input.bias.view(DIRECTIONS, GATES, width)[:, 1] = 1.0

    def gates(self, x: Tensor, condition: Tensor | None, features: Tensor | None) -> Tensor:
        """Compute what the input adds to the gates, (batch, rows, columns, 8 * width).

        Parameters
        ----------
        x : (batch, rows, columns, 2 * width)
        condition : (batch,) int64 classes, for a layer that has them
        features : (batch, rows, columns, 2 * width) of coarser codes, for a layer that has them
        """
        gates: Tensor = self.input(x)
        if self.by_class is not None:
            assert condition is not None
            gates = gates + self.by_class(condition)[:, None, None]
        if self.by_map is not None:
            assert features is not None
            gates = gates + self.by_map(features)
        return gates

    def merged(self, x: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """Add states of the two directions, the second from the row above, to the stream."""
        added: Tensor = x + self.residual(left + right)
        return added

    def forward(self, x: Tensor, gates: Tensor) -> Tensor:
        """Apply the layer to the stream (batch, rows, columns, 2 * width), given its `gates`."""
        left, right = gates.chunk(DIRECTIONS, 3)
        from_left, from_right = scan(torch.stack([left, right.flip(2)]), self.state)
        return self.merged(x, from_left, F.pad(from_right.flip(2), (0, 0, 0, 0, 1, 0))[:, :-1])
