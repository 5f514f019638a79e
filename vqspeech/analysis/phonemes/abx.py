"""ABX discrimination of phones (Schatz et al. 2013).

Is a token X of a phone nearer to another token A of it than to a token B of another phone?

A and B come from one speaker; X from the same one (within) or from another (across). Tokens are compared by dynamic
time warping with the mean dissimilarity along the path, ties count half. Unlike in the triphone tasks of ZeroSpeech,
contexts differ, since a few minutes of aligned speech have too few equal ones. Errors are therefore higher; compare
them with those of the baselines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

PER_PAIR = 12
"""Triples for each ordered pair of phones; the cost is bounded by phones^2, for any length of the corpus."""

MAX_PHONES = 60
"""Only the most frequent phones are compared."""

MAX_TOKEN_S = 0.4
"""Longer tokens are omitted, in seconds."""

Dissimilarity = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From frames of two batches of tokens, (pairs, n) and (pairs, m) codes or features, to (pairs, n, m)."""

_BLOCK = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class Tokens:
    """Stretches of frames with one phone.

    Parameters
    ----------
    phone, speaker : (tokens,) int64
    frames : (tokens, longest) int64, positions of its frames in arrays over all frames, the last one repeated
    length : (tokens,) int64
    """

    phone: np.ndarray
    speaker: np.ndarray
    frames: np.ndarray
    length: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Triples:
    """Tokens to compare: (triples,) int64 indices a, b and x, and the pair of phones of each triple."""

    a: np.ndarray
    b: np.ndarray
    x: np.ndarray
    pair: np.ndarray

    def __len__(self) -> int:
        return len(self.a)


def gather(items: Sequence[tuple[int, int, int, int]]) -> Tokens:
    """Collect tokens from (phone, speaker, first frame, end frame), each at least a frame long."""
    longest = max((stop - start for *_, start, stop in items), default=1)
    steps = np.arange(longest)
    return Tokens(
        phone=np.asarray([item[0] for item in items], dtype=np.int64),
        speaker=np.asarray([item[1] for item in items], dtype=np.int64),
        frames=np.asarray([np.minimum(start + steps, stop - 1) for *_, start, stop in items], dtype=np.int64).reshape(
            -1, longest
        ),
        length=np.asarray([stop - start for *_, start, stop in items], dtype=np.int64),
    )


def draw_triples(tokens: Tokens, *, across: bool, seed: int, per_pair: int = PER_PAIR) -> Triples:
    """Draw `per_pair` triples for each ordered pair of phones, with replacement; X differs from A.

    Parameters
    ----------
    across : X from another speaker than A and B, instead of from the same
    """
    rng = np.random.default_rng(seed)
    places: dict[int, dict[int, np.ndarray]] = defaultdict(dict)
    for phone in np.argsort(-np.bincount(tokens.phone))[:MAX_PHONES]:
        own = np.flatnonzero(tokens.phone == phone)
        for speaker in np.unique(tokens.speaker[own]):
            places[int(phone)][int(speaker)] = own[tokens.speaker[own] == speaker]
    rows: list[tuple[int, int, int, int]] = []
    for number, (first, second) in enumerate((p, q) for p in places for q in places if p != q):
        first_by_speaker, second_by_speaker = places[first], places[second]
        if across:
            usable = [s for s in first_by_speaker if s in second_by_speaker and len(first_by_speaker) > 1]
        else:
            usable = [s for s in first_by_speaker if s in second_by_speaker and len(first_by_speaker[s]) > 1]
        if not usable:
            continue
        for draw in rng.random((per_pair, 5)):
            speaker = usable[int(draw[0] * len(usable))]
            same = first_by_speaker[speaker]
            a = int(draw[1] * len(same))
            b = second_by_speaker[speaker][int(draw[2] * len(second_by_speaker[speaker]))]
            if across:
                others = [s for s in first_by_speaker if s != speaker]
                pool = first_by_speaker[others[int(draw[3] * len(others))]]
                x = pool[int(draw[4] * len(pool))]
            else:
                x = same[(a + 1 + int(draw[3] * (len(same) - 1))) % len(same)]
            rows.append((same[a], b, x, number))
    columns = np.asarray(rows, dtype=np.int64).reshape(-1, 4).T
    return Triples(a=columns[0], b=columns[1], x=columns[2], pair=columns[3])


def abx_error(tokens: Tokens, triples: Triples, features: np.ndarray, dissimilarity: Dissimilarity) -> float | None:
    """Compute the share of triples in which X is nearer to B, averaged over pairs of phones.

    It lies in [0, 1]; chance is 0.5.

    Parameters
    ----------
    features : (all,) codes or (all, features), a row for every frame
    dissimilarity : function of two batches of frames
    """
    if not len(triples):
        return None
    to_a = warped(tokens, triples.a, triples.x, features, dissimilarity)
    to_b = warped(tokens, triples.b, triples.x, features, dissimilarity)
    wrong = np.where(np.isclose(to_a, to_b), 0.5, to_a > to_b)
    counts = np.bincount(triples.pair)
    means = np.bincount(triples.pair, weights=wrong)[counts > 0] / counts[counts > 0]
    return float(means.mean())


def warped(
    tokens: Tokens, one: np.ndarray, other: np.ndarray, features: np.ndarray, dissimilarity: Dissimilarity
) -> np.ndarray:
    """Compute the mean dissimilarity of pairs of tokens along the optimal warping path, (pairs,).

    Steps go forward in one token or in both.
    """
    return np.concatenate(
        [
            _warp(
                dissimilarity(features[tokens.frames[first]], features[tokens.frames[second]]),
                tokens.length[first],
                tokens.length[second],
            )
            for start in range(0, len(one), _BLOCK)
            for first, second in [(one[start : start + _BLOCK], other[start : start + _BLOCK])]
        ]
    )


def _warp(cost: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Warp a batch of cost matrices (pairs, n, m) of different sizes; return costs (pairs,)."""
    from vqspeech.analysis.phonemes.warping import warp

    found = np.empty(len(cost))
    warp(np.ascontiguousarray(cost, dtype=np.float64), rows, columns, found)
    return found


def different(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return 1 where codes differ and 0 where they are equal."""
    return np.asarray(one[:, :, None] != other[:, None, :], dtype=np.float64)


def angle(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the angle between vectors over pi, in [0, 1], as in ZeroSpeech's tasks."""
    lengths = np.linalg.norm(one, axis=-1)[:, :, None] * np.linalg.norm(other, axis=-1)[:, None, :]
    cosine = one @ other.transpose(0, 2, 1) / np.maximum(lengths, 1e-12)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)) / np.pi)
