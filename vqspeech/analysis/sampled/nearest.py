"""The longest stretch of each sequence that occurs in training: whether codes were memorised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The longest stretch of a sequence that is equal to one of training.

    Parameters
    ----------
    frames : its length; 0 when no symbol occurs in training
    start : its first frame in the sequence
    training : number of the training sequence
    training_start : its first frame there
    """

    frames: int
    start: int
    training: int
    training_start: int


def nearest_stretches(sequences: Sequence[Codes], training: Sequence[Codes]) -> list[Stretch]:
    """Find the longest stretch of each sequence that occurs in a training sequence.

    A suffix array of all sequences by prefix doubling (Manber and Myers 1993); the longest match of a suffix is that
    with the nearest suffix of training before or after it. The cost grows with n log(n) log(longest sequence).

    Parameters
    ----------
    sequences : (frames,) int64 each
    training : (frames,) int64 each, of the same symbols
    """
    if not sequences:
        return []
    text, sequence_of, place_of = _joined([*training, *sequences])
    ranks = _ranks(text, max(1, *(len(one) for one in sequences)))
    order = np.argsort(ranks[-1], kind="stable")
    is_training = sequence_of[order] < len(training)
    best, where = np.zeros(len(text), np.int64), np.full(len(text), -1, np.int64)
    places = np.arange(len(order))
    before = np.maximum.accumulate(np.where(is_training, places, -1))
    after = np.minimum.accumulate(np.where(is_training, places, len(order))[::-1])[::-1]
    for nearest in (before, after):
        found = ~is_training & (nearest >= 0) & (nearest < len(order))
        own, other = order[found], order[nearest[found]]
        common = _common(ranks, own, other)
        longer = common > best[own]
        best[own[longer]], where[own[longer]] = common[longer], other[longer]
    stretches = []
    for number in range(len(training), len(training) + len(sequences)):
        own = np.flatnonzero(sequence_of == number)
        first = int(own[best[own].argmax()])
        if not best[first]:
            stretches.append(Stretch(frames=0, start=0, training=-1, training_start=-1))
            continue
        match = int(where[first])
        stretches.append(
            Stretch(
                frames=int(best[first]),
                start=int(place_of[first]),
                training=int(sequence_of[match]),
                training_start=int(place_of[match]),
            )
        )
    return stretches


def joint_symbols(groups: Sequence[Sequence[Codes]]) -> list[list[Codes]]:
    """Return one symbol per frame of codes (codebooks, frames); equal symbols mean equal codes of all codebooks.

    Parameters
    ----------
    groups : groups of sequences, numbered together
    """
    every = [one for group in groups for one in group]
    if not every:
        return [[] for _ in groups]
    ids = np.unique(np.concatenate(every, axis=1), axis=1, return_inverse=True)[1].reshape(-1)
    parts = iter(np.split(ids.astype(np.int64), np.cumsum([one.shape[1] for one in every])[:-1]))
    return [[next(parts) for _ in group] for group in groups]


def _joined(sequences: Sequence[Codes]) -> tuple[Codes, Codes, Codes]:
    """Join sequences, each ended by a symbol of its own; return symbols, number of sequence and place in it."""
    lengths = np.array([len(one) + 1 for one in sequences], np.int64)
    ends = np.cumsum(lengths) - 1
    sequence_of = np.repeat(np.arange(len(sequences)), lengths)
    place_of = np.arange(lengths.sum()) - np.repeat(ends + 1 - lengths, lengths)
    text = np.zeros(int(lengths.sum()), np.int64)
    inside = np.ones(len(text), bool)
    inside[ends] = False
    text[inside] = np.concatenate(list(sequences))
    text[ends] = text.max(initial=0) + 1 + np.arange(len(sequences))
    return text, sequence_of, place_of


def _ranks(text: Codes, longest: int) -> list[Codes]:
    """Return ranks of the parts of 1, 2, 4, ... symbols at each place, until a part is longer than `longest`."""
    ranks = [np.unique(text, return_inverse=True)[1].astype(np.int64)]
    while 2 ** (len(ranks) - 1) <= longest:
        half = 2 ** (len(ranks) - 1)
        behind = np.r_[ranks[-1][half:] + 1, np.zeros(min(half, len(text)), np.int64)][: len(text)]
        pairs = ranks[-1] * (len(text) + 1) + behind
        ranks.append(np.unique(pairs, return_inverse=True)[1].astype(np.int64))
    return ranks


def _common(ranks: Sequence[Codes], first: Codes, second: Codes) -> Codes:
    """Return the number of symbols that the suffixes at two places have in common."""
    common = np.zeros(len(first), np.int64)
    last = len(ranks[0]) - 1
    for level in range(len(ranks) - 1, -1, -1):
        one, other = np.minimum(first + common, last), np.minimum(second + common, last)
        common += np.where(ranks[level][one] == ranks[level][other], 2**level, 0)
    return common
