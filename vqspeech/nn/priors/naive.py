"""Sample with the whole network for every code, a slow reference for the cached sampler."""

from __future__ import annotations

import torch
from torch import Tensor

from vqspeech.nn.priors.draws import checked_temperature, draw
from vqspeech.nn.priors.heads import CodeNetwork


@torch.no_grad()
def sample_naive(
    model: CodeNetwork,
    uniform: Tensor,
    condition: Tensor | None = None,
    *,
    coarse: Tensor | None = None,
    temperature: float = 1.0,
    positions: int | None = None,
) -> Tensor:
    """Draw codes (batch, codebooks, rows, columns) int64.

    Parameters
    ----------
    model : model in evaluation mode
    uniform : (batch, codebooks, rows, columns) in [0, 1), one number for each code
    condition : (batch,) int64 classes, or (batch, latents), for a model that is conditioned on them
    coarse : (batch, codebooks, rows, columns) codes of the coarser grid, for a model that is conditioned on them
    temperature : see `draw`
    positions : number of positions to draw, for benchmarks; the others are zero
    """
    checked_temperature(temperature)
    batch, books, rows, columns = uniform.shape
    codes = torch.zeros(batch, books, rows, columns, dtype=torch.int64)
    for place in range(rows * columns if positions is None else positions):
        row, column = divmod(place, columns)
        for book in range(books):
            logits = model(codes, condition, coarse)[book][:, row, column]
            codes[:, book, row, column] = draw(logits, uniform[:, book, row, column], temperature)
    return codes
