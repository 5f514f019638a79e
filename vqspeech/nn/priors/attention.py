"""Causal self-attention for the gated PixelCNN: each position attends to all those before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PLACES = 2
"""Channels that hold the row and the column of a position."""


def places(rows: int, columns: int, device: torch.device | str = "cpu") -> Tensor:
    """Return rows and columns of a grid, (rows * columns, 2), from -1/2 to just below 1/2."""
    down = torch.arange(rows, device=device) / rows - 0.5
    right = torch.arange(columns, device=device) / columns - 0.5
    return torch.stack(torch.meshgrid(down, right, indexing="ij"), -1).flatten(0, 1)


def gate(both: Tensor, dim: int = 1) -> Tensor:
    """Compute tanh(first half) * sigmoid(second half) of a dimension; 1 holds channels."""
    first, second = both.chunk(2, dim)
    return first.tanh() * second.sigmoid()


class CausalAttention(nn.Module):
    """The attention block of PixelSNAIL (Chen et al. 2018, arXiv 1712.09763, section 2.2).

    The query of position p is a function of the horizontal stack there, which depends on earlier positions only; key
    and value of position j < p are functions of its code and of the stack. All of them see row and column. The result
    goes through a gated 1 x 1 layer with a residual connection.

    Deviations: a first slot whose key and value are zero, so that a position (and the first one always) can attend to
    nothing, where the paper masks the first row of weights; a tanh gate as elsewhere in this network instead of a
    residual block with ELU.

    Parameters
    ----------
    width : channels of the stack
    heads : number of heads
    head_width : channels of each head
    """

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = head_width
        self.query = nn.Linear(width + PLACES, heads * head_width)
        self.key_value = nn.Linear(2 * width + PLACES, 2 * heads * head_width)
        self.output = nn.Linear(width + heads * head_width, 2 * width)
        self.residual = nn.Linear(width, width)

    def queries(self, left: Tensor, place: Tensor) -> Tensor:
        """Compute queries (batch, heads, positions, head_width).

        Parameters
        ----------
        left : (batch, positions, width), the horizontal stack
        place : (positions, 2), see `places`
        """
        return self._by_head(self.query(_joined(left, place)))

    def keys_values(self, embedded: Tensor, left: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Compute keys and values (batch, heads, positions, head_width) from embedded codes and stack."""
        keys, values = self.key_value(_joined(torch.cat([embedded, left], 2), place)).chunk(2, 2)
        return self._by_head(keys), self._by_head(values)

    def merged(self, left: Tensor, attended: Tensor) -> Tensor:
        """Add attended values (batch, heads, positions, head_width) to the stack."""
        both = self.output(torch.cat([left, attended.transpose(1, 2).flatten(2)], 2))
        return left + self.residual(gate(both, 2))

    def forward(self, embedded: Tensor, left: Tensor) -> Tensor:
        """Apply the block to the horizontal stack and the embedded codes."""
        rows, columns = left.shape[2:]
        place = places(rows, columns, left.device)
        codes, stack = embedded.flatten(2).transpose(1, 2), left.flatten(2).transpose(1, 2)
        keys, values = (F.pad(one[:, :, :-1], (0, 0, 1, 0)) for one in self.keys_values(codes, stack, place))
        attended = F.scaled_dot_product_attention(self.queries(stack, place), keys, values, is_causal=True)
        return self.merged(stack, attended).transpose(1, 2).unflatten(2, (rows, columns))

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, self.head_width)).transpose(1, 2)


def _joined(x: Tensor, place: Tensor) -> Tensor:
    return torch.cat([x, place.to(x.dtype).expand(len(x), -1, -1)], 2)
