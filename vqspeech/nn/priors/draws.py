"""One code from logits and one uniform number, so that samplers agree draw for draw."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vqspeech.errors import InputError


def uniform_grid(seed: int, images: range, codebooks: int, grid: tuple[int, int], *, level: int = 0) -> Tensor:
    """Draw uniform numbers (images, codebooks, rows, columns) float64 in [0, 1).

    They depend on (seed, level, number of the image) alone: Philox (Salmon et al. 2011) with key (seed, image) and
    counter level * 2^192. So the n-th image does not depend on the others.

    Parameters
    ----------
    seed : seed of the samples
    images : their numbers
    codebooks, grid : codes of one image
    level : number of the level; numbers of different levels are independent
    """
    rows = []
    for image in images:
        key = np.array([seed % 2**64, image], dtype=np.uint64)
        numbers = np.random.Philox(key=key, counter=np.array([0, 0, 0, level], dtype=np.uint64))
        rows.append(np.random.Generator(numbers).random((*grid, codebooks)).transpose(2, 0, 1))
    return torch.from_numpy(np.stack(rows)) if rows else torch.zeros(0, codebooks, *grid, dtype=torch.float64)


def draw(logits: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """Draw codes (batch,) int64 by inverting the distribution function, in float64.

    Parameters
    ----------
    logits : (batch, K)
    temperature : divides the logits; 0 takes the likeliest
    """
    if temperature == 0:
        return logits.argmax(1)
    scaled = logits.double() / temperature
    cumulative = (scaled - scaled.amax(1, keepdim=True)).exp().cumsum(1)
    return (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(1).clamp_max(logits.shape[1] - 1)


def checked_temperature(temperature: float) -> float:
    """Return the temperature; raise `InputError` when it is negative or not a number."""
    if not 0 <= temperature < float("inf"):
        raise InputError(f"temperature {temperature} cannot be used; at least 0, which takes the likeliest code")
    return temperature
