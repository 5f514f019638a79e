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
    rows = [item_numbers(seed, image, level).random((*grid, codebooks)).transpose(2, 0, 1) for image in images]
    return torch.from_numpy(np.stack(rows)) if rows else torch.zeros(0, codebooks, *grid, dtype=torch.float64)


def item_numbers(seed: int, item: int, level: int = 0) -> np.random.Generator:
    """Return the random numbers of an item; see `uniform_grid`."""
    key = np.array([seed % 2**64, item], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, level], dtype=np.uint64)))


def draw(logits: Tensor, uniform: Tensor, temperature: float, top_p: float = 1.0) -> Tensor:
    """Draw codes (batch,) int64 by inverting the distribution function, in float64.

    Parameters
    ----------
    logits : (batch, K)
    uniform : (batch,) float64 in [0, 1)
    temperature : divides the logits; 0 takes the likeliest
    top_p : draws from the fewest codes, the likeliest, that have this share of the probability (nucleus sampling,
        Holtzman et al. 2020, arXiv 1904.09751); 1 draws from all
    """
    if temperature == 0:
        return logits.argmax(1)
    scaled = logits.double() / temperature
    weights = (scaled - scaled.amax(1, keepdim=True)).exp()
    if top_p < 1:
        falling, order = weights.sort(dim=1, descending=True, stable=True)
        likelier = falling.cumsum(1) - falling
        kept = likelier < top_p * weights.sum(1, keepdim=True)
        weights = weights * torch.zeros_like(kept).scatter(1, order, kept)
    cumulative = weights.cumsum(1)
    return (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(1).clamp_max(logits.shape[1] - 1)


def checked_temperature(temperature: float) -> float:
    """Return the temperature; raise `InputError` when it is negative or not a number."""
    if not 0 <= temperature < float("inf"):
        raise InputError(f"temperature {temperature} cannot be used; at least 0, which takes the likeliest code")
    return temperature


def checked_top_p(top_p: float) -> float:
    """Return the share of the probability to draw from; raise `InputError` unless it is above 0 and at most 1."""
    if not 0 < top_p <= 1:
        raise InputError(f"top-p {top_p} cannot be used; above 0 and at most 1, which draws from all codes")
    return top_p
