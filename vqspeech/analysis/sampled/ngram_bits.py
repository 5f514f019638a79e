"""Bits per code of held-out codes under n-grams of training codes: what a prior has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqspeech.errors import InputError

Codes = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


def ngram_bits(
    training: Sequence[Codes], held_out: Sequence[Codes], codebook_sizes: Sequence[int], order: int
) -> list[float]:
    """Compute -log2 p per held-out code of each codebook under interpolated Kneser-Ney n-grams.

    Kneser and Ney 1995, with the discount n1 / (n1 + 2 n2) of Ney et al. 1994 for each length, and the uniform
    distribution below unigrams. A code of the first codebook is given the `order` - 1 codes before it; one of a further
    codebook first that of the codebook before it in the same frame, then its own code before. Contexts before the
    start of a sequence are a symbol of their own.

    Parameters
    ----------
    training, held_out : codes (codebooks, frames) of each sequence
    codebook_sizes : number of codes of each codebook
    order : 1 to 3

    Raises
    ------
    InputError : for another order, or without training or held-out codes
    """
    if order not in (1, 2, 3):
        raise InputError(f"n-grams of order {order} are not known; choose 1, 2 or 3")
    for name, sequences in (("training", training), ("held-out", held_out)):
        if not sum(one.shape[1] for one in sequences):
            raise InputError(f"n-grams need {name} codes, and there are none")
    found = []
    for book, size in enumerate(codebook_sizes):
        model = KneserNey(_grams(training, codebook_sizes, book, order), size)
        found.append(float(-np.log2(model.probabilities(_grams(held_out, codebook_sizes, book, order))).mean()))
    return found


def _grams(sequences: Sequence[Codes], sizes: Sequence[int], book: int, order: int) -> Codes:
    """Return the n-grams of a codebook, (codes, order): each code, then its contexts, the nearest first."""
    columns: list[list[Codes]] = []
    for codes in sequences:
        own, boundary = codes[book], np.full(1, max(sizes), np.int64)
        before = np.r_[boundary, own][: len(own)]
        nearest = codes[book - 1] if book else before
        next_one = before if book else np.r_[boundary, before][: len(own)]
        columns.append([own, nearest, next_one][:order])
    return np.stack([np.concatenate(column) for column in zip(*columns, strict=True)], 1)


class KneserNey:
    """Interpolated Kneser-Ney n-grams.

    Parameters
    ----------
    grams : (codes, order) int64, each code and its contexts, the nearest first
    size : number of different codes
    """

    def __init__(self, grams: Codes, size: int) -> None:
        self.size = size
        self.base = int(grams.max(initial=0)) + 2
        self.levels: list[_Level] = []
        counted, counts = np.unique(grams, axis=0, return_counts=True)
        for length in range(grams.shape[1], 0, -1):
            self.levels.append(_Level.of(self._numbers(counted[:, 1:]), counted[:, 0], counts, self.base))
            # Shorter n-grams count the different contexts that they occur in.
            counted, counts = np.unique(counted[:, : length - 1], axis=0, return_counts=True)

    def probabilities(self, grams: Codes) -> Shares:
        """Return the probability of each code given its contexts, (codes,)."""
        found = np.full(len(grams), 1 / self.size)
        for level, length in zip(reversed(self.levels), range(1, grams.shape[1] + 1), strict=True):
            found = level.interpolated(self._numbers(grams[:, 1:length]), grams[:, 0], found)
        return found

    def _numbers(self, contexts: Codes) -> Codes:
        numbers = np.zeros(len(contexts), np.int64)
        for column in contexts.T:
            numbers = numbers * self.base + np.minimum(column, self.base - 1)
        return numbers


@dataclass(frozen=True, eq=False)
class _Level:
    """Counts of n-grams of one length.

    Parameters
    ----------
    grams, counts : (kinds,) numbers of n-grams, sorted, and how often each occurs
    contexts, totals, different : (contexts,) numbers, sorted; the sum of counts, and the number of different codes
    discount : what is taken from each count
    base : factor between a context's number and its code
    """

    grams: Codes
    counts: Codes
    contexts: Codes
    totals: Codes
    different: Codes
    discount: float
    base: int

    @classmethod
    def of(cls, contexts: Codes, codes: Codes, counts: Codes, base: int) -> _Level:
        numbers = contexts * base + codes
        order = np.argsort(numbers)
        kinds, place = np.unique(contexts, return_inverse=True)
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        return cls(
            grams=numbers[order],
            counts=counts[order],
            contexts=kinds,
            totals=np.bincount(place, weights=counts).astype(np.int64),
            different=np.bincount(place),
            discount=once / (once + 2 * twice) if once else 0.5,
            base=base,
        )

    def interpolated(self, contexts: Codes, codes: Codes, shorter: Shares) -> Shares:
        """Return probabilities given contexts, from those given the shorter ones."""
        count = _looked_up(self.grams, self.counts, contexts * self.base + codes)
        total = _looked_up(self.contexts, self.totals, contexts)
        different = _looked_up(self.contexts, self.different, contexts)
        own = np.maximum(count - self.discount, 0) + self.discount * different * shorter
        return np.where(total > 0, own / np.maximum(total, 1), shorter)


def _looked_up(keys: Codes, values: Codes, wanted: Codes) -> Codes:
    """Return the values of keys, 0 for those that are not there."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
