"""Sample a long utterance in parallel parts, and join them where they match best.

Every part but the first starts from silence, one receptive field before its nominal start, with the codes and random
numbers of that interval. At the nominal start every layer has thus received speech of these codes and speaker, but not
the samples at the end of the previous part. Consecutive parts overlap. There the later part is shifted by a few
milliseconds and faded in where the waveforms agree best, as in overlap-add by waveform similarity (Verhelst and
Roelands 1993, WSOLA).

Consequences: samples of a cross-fade are not draws of the model, speech after a joint is independent of the speech
before it, and time may shift by up to `LAG_SAMPLES`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

FADE_SAMPLES = 256
"""Length of the cross-fade: 16 ms at 16 kHz."""

LAG_SAMPLES = 160
"""Maximal shift of a part: 10 ms at 16 kHz, a period of a low voice."""

OVERLAP_SAMPLES = 1600
"""Length of the overlap in which parts are compared: 100 ms at 16 kHz."""

LONG_SAMPLES = 4 * 16_000
"""Minimal length of a part when the number of parts is chosen automatically."""


@dataclass(frozen=True)
class UtterancePart:
    """A part of an utterance that is sampled from silence.

    Parameters
    ----------
    first : first sample of the part, a multiple of the conditioning frame
    count : number of samples to draw
    start : nominal start; samples before it are warm-up
    """

    first: int
    count: int
    start: int


def number_of_parts(length: int, utterances: int, cores: int) -> int:
    """Return a number of parts that uses all cores, none shorter than `LONG_SAMPLES`."""
    return max(1, min(cores // max(1, utterances), length // LONG_SAMPLES))


def plan(length: int, parts: int, frame_samples: int, receptive_field: int) -> list[UtterancePart]:
    """Divide an utterance into parts of about equal work, none shorter than its warm-up.

    Parameters
    ----------
    length : samples of the utterance
    parts : maximal number of parts
    frame_samples : samples per conditioning frame; parts start on frames
    receptive_field : samples of warm-up
    """
    warm = -(-(receptive_field + LAG_SAMPLES) // frame_samples) * frame_samples
    extra = OVERLAP_SAMPLES + LAG_SAMPLES
    parts = max(1, min(parts, length // (2 * (warm + extra))))
    # The first part has no warm-up, the last no overlap.
    each = (length + LAG_SAMPLES + (parts - 1) * (warm + extra)) / parts
    starts = [
        0,
        *(round((number * (each - warm - extra) + warm) / frame_samples) * frame_samples for number in range(1, parts)),
    ]
    ends = [start + extra for start in starts[1:]] + [length + (LAG_SAMPLES if parts > 1 else 0)]
    firsts = [max(0, start - warm) if start else 0 for start in starts]
    return [UtterancePart(first, end - first, start) for first, end, start in zip(firsts, ends, starts, strict=True)]


class Assembly:
    """Assembles utterances from pieces of their parts, and delivers them.

    Pieces of an utterance in one part are delivered immediately, other utterances when complete.

    Parameters
    ----------
    plans : parts of each utterance
    lengths : samples of each utterance
    deliver : called with an utterance's index, its next samples (time,) float32, and whether these are the last
    """

    def __init__(
        self,
        plans: Sequence[Sequence[UtterancePart]],
        lengths: Sequence[int],
        deliver: Callable[[int, np.ndarray, bool], None],
    ) -> None:
        self._plans, self._lengths, self._deliver = plans, lengths, deliver
        self._given = [0] * len(plans)
        self._held: list[list[list[np.ndarray]]] = [[[] for _ in its] for its in plans]
        self._missing = [sum(part.count for part in its) for its in plans]
        for utterance, length in enumerate(lengths):
            if length == 0:
                deliver(utterance, np.zeros(0, np.float32), True)

    @property
    def samples(self) -> int:
        """Number of samples delivered."""
        return sum(self._given)

    def add(self, utterance: int, part: int, piece: np.ndarray) -> None:
        """Add the next samples of a part."""
        if len(self._plans[utterance]) == 1:
            self._give(utterance, piece)
            return
        parts, held = self._plans[utterance], self._held[utterance]
        held[part].append(piece)
        self._missing[utterance] -= len(piece)
        if not self._missing[utterance]:
            self._held[utterance] = [[] for _ in parts]
            self._give(utterance, join(parts, [np.concatenate(some) for some in held], self._lengths[utterance]))

    def interrupt(self) -> None:
        """Deliver the available samples of the first part of incomplete utterances."""
        for utterance, held in enumerate(self._held):
            if held[0]:
                self._give(utterance, np.concatenate(held[0])[: self._lengths[utterance]])

    def _give(self, utterance: int, piece: np.ndarray) -> None:
        self._given[utterance] += len(piece)
        self._deliver(utterance, piece, self._given[utterance] == self._lengths[utterance])


def join(parts: Sequence[UtterancePart], waveforms: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Join the waveforms of all parts of an utterance; return one (length,) float32."""
    # `begin` is the time of the first sample after `pieces`; sample t + lag of the current part belongs to time t.
    pieces, begin = [], 0
    lag = 0
    for (this, early), (following, late) in itertools.pairwise(zip(parts, waveforms, strict=True)):
        start = following.start
        place, next_lag = _fit(early[start + lag - this.first :], late[start - following.first - LAG_SAMPLES :])
        seam = start + place
        pieces.append(early[begin + lag - this.first : seam + lag - this.first])
        rise = np.linspace(0, 1, FADE_SAMPLES, dtype=np.float32)
        old = early[seam + lag - this.first :][:FADE_SAMPLES]
        new = late[seam + next_lag - following.first :][:FADE_SAMPLES]
        pieces.append(old * (1 - rise) + new * rise)
        begin, lag = seam + FADE_SAMPLES, next_lag
    pieces.append(waveforms[-1][begin + lag - parts[-1].first :][: length - begin])
    return np.concatenate(pieces)


def _fit(early: np.ndarray, late: np.ndarray) -> tuple[int, int]:
    """Return start and lag of the fade that minimise early[t] - late[t + LAG_SAMPLES + lag]."""
    span = min(len(early), OVERLAP_SAMPLES - LAG_SAMPLES)
    best = (np.inf, 0, 0)
    for lag in range(-LAG_SAMPLES, LAG_SAMPLES + 1):
        here, there = early[:span].astype(np.float64), late[LAG_SAMPLES + lag :][:span].astype(np.float64)
        distance, loudness = _windows((here - there) ** 2), _windows(here**2 + there**2)
        score = (distance + 1e-4 * FADE_SAMPLES * 0.01) / (loudness + 1e-4 * FADE_SAMPLES)
        place = int(score.argmin())
        best = min(best, (float(score[place]), place, lag), key=lambda row: (row[0], abs(row[2])))
    return best[1], best[2]


def _windows(values: np.ndarray) -> np.ndarray:
    sums = np.concatenate([[0.0], values.cumsum()])
    return sums[FADE_SAMPLES:] - sums[:-FADE_SAMPLES]
