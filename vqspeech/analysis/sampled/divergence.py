"""Divergence of n-grams between two sets of sequences, with its bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqspeech.errors import InputError

REPEATS = 20
"""Random divisions behind `Divergence.same_source_bits`."""

MOST_SYMBOLS = 2**62
"""Different n-grams at most, so that each is a 64-bit number."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """The Jensen-Shannon divergence of two sets of sequences (Lin 1991), 0 to 1 bit.

    It is computed from relative frequencies, which overestimates: two finite samples of one source differ too. The
    same estimate of random divisions of all sequences into two sets of these sizes says by how much; whole sequences
    are divided, since the symbols of one depend on each other.

    Parameters
    ----------
    bits : the estimate from relative frequencies
    same_source_bits : its mean over random divisions: what sets of these sizes would have if both came from one source
    ngrams : number of n-grams in the first and in the second set
    """

    bits: float
    same_source_bits: float
    ngrams: tuple[int, int]

    @property
    def excess_bits(self) -> float:
        """`bits` above those of one source; about 0 for sets of the same source, and by chance below."""
        return self.bits - self.same_source_bits


def ngrams(sequence: Codes, n_symbols: int, order: int) -> Codes:
    """Return the n-grams of a sequence (length,) as numbers, (max(0, length - order + 1),) int64.

    Raises
    ------
    InputError : when there are too many different n-grams for 64 bits
    """
    if n_symbols**order > MOST_SYMBOLS:
        raise InputError(f"{order}-grams of {n_symbols} symbols are more than {MOST_SYMBOLS}; use a shorter order")
    count = max(0, len(sequence) - order + 1)
    numbers = np.zeros(count, np.int64)
    for place in range(order):
        numbers = numbers * n_symbols + sequence[place : place + count]
    return numbers


def divergence(
    first: Sequence[Codes], second: Sequence[Codes], n_symbols: int, order: int, *, seed: int = 0
) -> Divergence | None:
    """Compute the divergence of the n-grams of two sets of sequences; None when either has none.

    Parameters
    ----------
    first, second : sequences (length,) int64 in [0, n_symbols)
    order : length of the n-grams; they do not reach over the ends of a sequence
    seed : seed of the random divisions
    """
    from scipy.sparse import csr_matrix

    keys = [ngrams(one, n_symbols, order) for one in (*first, *second)]
    lengths = np.array([len(one) for one in keys], np.int64)
    kinds, columns = np.unique(np.concatenate([np.zeros(0, np.int64), *keys]), return_inverse=True)
    rows = np.repeat(np.arange(len(keys)), lengths)
    counts = csr_matrix((np.ones(len(columns)), (rows, columns)), shape=(len(keys), len(kinds)))
    total = np.asarray(counts.sum(axis=0)).ravel()
    side = np.arange(len(keys)) < len(first)
    sizes = int(lengths[side].sum()), int(lengths[~side].sum())
    if not min(sizes):
        return None

    def bits(chosen: npt.NDArray[np.bool_]) -> float:
        own = np.asarray(counts.T @ chosen.astype(np.float64)).ravel()
        return jensen_shannon_bits(own, total - own)

    generator = np.random.default_rng(seed)
    by_chance = [bits(generator.permutation(side)) for _ in range(REPEATS)]
    return Divergence(bits=bits(side), same_source_bits=float(np.mean(by_chance)), ngrams=sizes)


def jensen_shannon_bits(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Compute the Jensen-Shannon divergence in bits of relative frequencies, from counts (kinds,) of each.

    It is 0 when either has no counts.
    """
    if not first.sum() or not second.sum():
        return 0.0
    p, q = first / first.sum(), second / second.sum()
    return max(0.0, _entropy_bits((p + q) / 2) - (_entropy_bits(p) + _entropy_bits(q)) / 2)


def _entropy_bits(shares: npt.NDArray[np.float64]) -> float:
    present = shares[shares > 0]
    return float(-(present * np.log2(present)).sum())
