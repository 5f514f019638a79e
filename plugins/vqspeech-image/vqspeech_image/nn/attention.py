"""Causal self-attention for the gated PixelCNN: what a position asks of all those before it, however far away they lie."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech_image.nn.gate import gate

PLACES = 2
"""Channels that say where a position is: row and column."""


def places(rows: int, columns: int, device: torch.device | str = "cpu") -> Tensor:
    """(rows * columns, 2) rows and columns of a grid in raster order, each from -1/2 to just below 1/2."""
    down = torch.arange(rows, device=device) / rows - 0.5
    right = torch.arange(columns, device=device) / columns - 0.5
    return torch.stack(torch.meshgrid(down, right, indexing="ij"), -1).flatten(0, 1)


class CausalAttention(nn.Module):
    """The attention block of PixelSNAIL (Chen et al. 2018, arXiv 1712.09763, section 2.2), between two layers of a gated PixelCNN.

    Position p asks with what the horizontal stack knows of those before it; position j < p answers with its own code and what the stack
    knew there. Both see where they are. The answer goes through a gated 1 x 1 layer with a residual connection.

    Deviations: a first slot whose key and value are zero, so that a position (and the first one always) can attend to nothing, where the
    paper masks the first row of weights; a tanh gate as elsewhere in this network instead of a residual block with ELU.

    Parameters
    ----------
    width : channels of the stack
    heads : each with keys, queries and values of its own
    head_width : channels of each
    """

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = head_width
        self.asked = nn.Linear(width + PLACES, heads * head_width)
        self.known = nn.Linear(2 * width + PLACES, 2 * heads * head_width)
        self.answered = nn.Linear(width + heads * head_width, 2 * width)
        self.residual = nn.Linear(width, width)

    def queries(self, left: Tensor, place: Tensor) -> Tensor:
        """(batch, heads, positions, head_width) of the stack (batch, positions, width) at places (positions, 2)."""
        return self._by_head(self.asked(_joined(left, place)))

    def keys_values(self, embedded: Tensor, left: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """What positions answer: keys and values (batch, heads, positions, head_width) of their codes and of the stack, (batch, positions, width)."""
        keys, values = self.known(_joined(torch.cat([embedded, left], 2), place)).chunk(2, 2)
        return self._by_head(keys), self._by_head(values)

    def merged(self, left: Tensor, answer: Tensor) -> Tensor:
        """The stack (batch, positions, width) with the answers (batch, heads, positions, head_width) in it."""
        both = self.answered(torch.cat([left, answer.transpose(1, 2).flatten(2)], 2))
        return left + self.residual(gate(both, 2))

    def forward(self, embedded: Tensor, left: Tensor) -> Tensor:
        """The horizontal stack behind the block, all (batch, width, rows, columns); `embedded` are the codes."""
        rows, columns = left.shape[2:]
        place = places(rows, columns, left.device)
        codes, stack = embedded.flatten(2).transpose(1, 2), left.flatten(2).transpose(1, 2)
        keys, values = (F.pad(one[:, :, :-1], (0, 0, 1, 0)) for one in self.keys_values(codes, stack, place))
        answer = F.scaled_dot_product_attention(self.queries(stack, place), keys, values, is_causal=True)
        return self.merged(stack, answer).transpose(1, 2).unflatten(2, (rows, columns))

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, self.head_width)).transpose(1, 2)


def _joined(x: Tensor, place: Tensor) -> Tensor:
    return torch.cat([x, place.to(x.dtype).expand(len(x), -1, -1)], 2)
