"""How codes are used, and what they cost under priors of rising strength: uniform, by frequency, learned. Stores are those of one level."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.analysis.codebook import usage_of_counts
from vqspeech_image.code_store import CodeStore
from vqspeech_image.nn.pixelcnn import GatedPixelCNN
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


def book_uses(store: CodeStore, rows: npt.NDArray[np.int64]) -> tuple[BookUse, ...]:
    """Use of each codebook over some images."""
    uses = []
    for book, size in enumerate(store.facts.codebook_sizes):
        use = usage_of_counts(np.bincount(store.codes[rows, book].ravel(), minlength=size), 1.0)
        uses.append(BookUse(size=size, used=use.codes_used, perplexity=use.perplexity, counts=use.counts))
    return tuple(uses)


def uniform_nats(store: CodeStore) -> float:
    """log K, mean over the codebooks: what a code costs when nothing is known."""
    return sum(math.log(size) for size in store.facts.codebook_sizes) / len(store.facts.codebook_sizes)


def unigram_nats(store: CodeStore, train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]) -> float:
    """Mean nats of a test code under its frequency among the training codes, half a count added to each (Krichevsky and Trofimov 1981)."""
    costs = []
    for book, size in enumerate(store.facts.codebook_sizes):
        counts = np.bincount(store.codes[train, book].ravel(), minlength=size) + 0.5
        costs.append(-np.log(counts / counts.sum())[store.codes[test, book]].mean())
    return float(np.mean(costs))


@torch.no_grad()
def prior_nats(model: GatedPixelCNN, store: CodeStore, rows: npt.NDArray[np.int64]) -> float:
    """Mean nats of a code under a prior, over some images of a store.

    Parameters
    ----------
    model : in evaluation mode
    """
    total = 0.0
    for begin in range(0, len(rows), AT_ONCE):
        mine = rows[begin : begin + AT_ONCE]
        codes = torch.from_numpy(store.codes[mine].astype(np.int64))
        labels = torch.from_numpy(store.labels[mine]) if model.classes else None
        top = None if store.top is None else torch.from_numpy(store.top[mine].astype(np.int64))
        total += float(model.nll(codes, labels, top).double().sum())
    return total / (len(rows) * math.prod(store.codes.shape[1:]))


@torch.no_grad()
def swapped_bits(
    model: DiscreteVAE, images: ImageStore, codes: CodeStore, rows: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Bits per dimension of the reconstruction when one level's codes are those of the next image and the others its own: whether a level is used.

    Parameters
    ----------
    model : in evaluation mode
    images, codes : pixels of some images, and their codes by this model
    rows : which images, at least two

    Returns
    -------
    by name of the level
    """
    device, next_rows, found = next(model.parameters()).device, np.roll(rows, -1), {}
    for swapped in codes.levels:
        total = 0.0
        for begin in range(0, len(rows), AT_ONCE):
            mine, others = rows[begin : begin + AT_ONCE], next_rows[begin : begin + AT_ONCE]
            pixels = torch.from_numpy(np.array(images.pixels[mine])).to(device)
            grids = [
                torch.from_numpy(codes.at(level.name).codes[others if level is swapped else mine].astype(np.int64))
                for level in codes.levels
            ]
            total += float(model.nll_of(pixels, *(grid.to(device) for grid in grids)).double().sum())
        found[swapped.name] = total / (len(rows) * math.log(2))
    return found
