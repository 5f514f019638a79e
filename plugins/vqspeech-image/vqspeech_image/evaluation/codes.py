"""Use of codes, and their cost under a uniform prior, by frequency, and under a learned one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.analysis.codebook import usage_of_counts
from vqspeech.corpora.code_store import CodeStore, LevelCodes
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.protocol import Prior
from vqspeech_image.nn.vqvae import DiscreteVAE
from vqspeech_image.store import ImageStore

AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class BookUse:
    """Use of one codebook: size, codes that occur, perplexity 2^H, and occurrences (K,)."""

    size: int
    used: int
    perplexity: float
    counts: tuple[int, ...]


def book_uses(level: LevelCodes, rows: npt.NDArray[np.int64]) -> tuple[BookUse, ...]:
    """Count the use of each codebook over some images."""
    uses, codes = [], grids_of(level)
    for book, size in enumerate(level.space.codebook_sizes):
        use = usage_of_counts(np.bincount(codes[rows, book].ravel(), minlength=size), 1.0)
        uses.append(BookUse(size=size, used=use.codes_used, perplexity=use.perplexity, counts=use.counts))
    return tuple(uses)


def uniform_nats(level: LevelCodes) -> float:
    """Return log K, the mean over the codebooks: the cost of a code under a uniform prior."""
    sizes = level.space.codebook_sizes
    return sum(math.log(size) for size in sizes) / len(sizes)


def unigram_nats(level: LevelCodes, train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]) -> float:
    """Compute mean nats of a test code under its frequency among the training codes.

    Half a count is added to each code (Krichevsky and Trofimov 1981).
    """
    costs, codes = [], grids_of(level)
    for book, size in enumerate(level.space.codebook_sizes):
        counts = np.bincount(codes[train, book].ravel(), minlength=size) + 0.5
        costs.append(-np.log(counts / counts.sum())[codes[test, book]].mean())
    return float(np.mean(costs))


@torch.no_grad()
def prior_nats(model: Prior, level: LevelCodes, rows: npt.NDArray[np.int64], *, conditioned: bool) -> float:
    """Compute mean nats of a code under a prior, over some images.

    Parameters
    ----------
    model : model in evaluation mode
    level : the codes that it was trained on
    rows : indices of images
    conditioned : whether it is conditioned on classes
    """
    total, grids = 0.0, grids_of(level)
    for begin in range(0, len(rows), AT_ONCE):
        chosen = rows[begin : begin + AT_ONCE]
        batch = CodeBatch(
            torch.from_numpy(grids[chosen].astype(np.int64)),
            condition=torch.from_numpy(level.conditions[chosen]) if conditioned else None,
            above=None if level.above is None else torch.from_numpy(level.above[chosen].astype(np.int64)),
        )
        total += float(model.loss(batch).terms["nll"]) * len(chosen)
    return total / len(rows)


def grids_of(level: LevelCodes) -> npt.NDArray[np.int32]:
    """Return codes (images, codebooks, rows, columns) of a level."""
    assert isinstance(level.codes, np.ndarray)
    return level.codes


@torch.no_grad()
def swapped_bits(
    model: DiscreteVAE, images: ImageStore, codes: CodeStore, rows: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Measure the reconstruction with each level's codes of the next image.

    Parameters
    ----------
    model : model in evaluation mode
    images, codes : pixels of some images, and their codes by this model
    rows : indices of images, at least two

    Returns
    -------
    name of the level -> bits per dimension
    """
    device, next_rows, bits = next(model.parameters()).device, np.roll(rows, -1), {}
    for swapped in codes.levels:
        total = 0.0
        for begin in range(0, len(rows), AT_ONCE):
            own, others = rows[begin : begin + AT_ONCE], next_rows[begin : begin + AT_ONCE]
            pixels = torch.from_numpy(np.array(images.pixels[own])).to(device)
            grids = [
                torch.from_numpy(grids_of(codes.at(level.name))[others if level == swapped else own].astype(np.int64))
                for level in codes.levels
            ]
            total += float(model.nll_of(pixels, *(grid.to(device) for grid in grids)).double().sum())
        bits[swapped.name] = total / (len(rows) * math.log(2))
    return bits
