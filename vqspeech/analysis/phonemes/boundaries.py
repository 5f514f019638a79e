"""Boundaries of codes and of phones: precision, recall, F1 and R-value within a tolerance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from vqspeech.alignment.base import Alignment

TOLERANCE_S = 0.020
"""The tolerance of the literature, in seconds."""

_ROUNDING_S = 1e-6


@dataclass(frozen=True, kw_only=True)
class BoundaryScores:
    """Scores of detected boundaries, each matched with at most one of the alignment.

    Parameters
    ----------
    precision, recall, f1 : in [0, 1]
    r_value : Rasanen, Laine and Altosaar (2009), equation 6: 1 for perfect; unlike F1, it does not rise
        with boundaries everywhere
    found, wanted : numbers of detected boundaries and of those of the alignment
    """

    precision: float
    recall: float
    f1: float
    r_value: float
    found: int
    wanted: int


def phone_boundaries(alignment: Alignment, end_s: float) -> np.ndarray:
    """Return the times within (0, end_s) at which a label ends or starts, ascending, in seconds."""
    starts = [phone.start_s for phone in alignment.phones]
    ends = [phone.end_s for phone in alignment.phones]
    edges = np.unique(np.round(starts[1:] + ends[:-1], 4))
    return edges[(edges > 0) & (edges < end_s)]


def code_boundaries(codes: np.ndarray, hop_s: float) -> np.ndarray:
    """Return the times at which codes (frames,) change, in seconds."""
    return (np.flatnonzero(codes[1:] != codes[:-1]) + 1) * hop_s


def matches(detected: np.ndarray, reference: np.ndarray, tolerance_s: float) -> int:
    """Count the maximal number of pairs of detected and true times within the tolerance."""
    count = i = j = 0
    while i < len(detected) and j < len(reference):
        if abs(detected[i] - reference[j]) <= tolerance_s + _ROUNDING_S:
            count, i, j = count + 1, i + 1, j + 1
        elif detected[i] < reference[j]:
            i += 1
        else:
            j += 1
    return count


def boundary_scores(pairs: Iterable[tuple[np.ndarray, np.ndarray]], tolerance_s: float) -> BoundaryScores:
    """Compute boundary scores over utterances.

    Parameters
    ----------
    pairs : detected and true times of each utterance, ascending, in seconds
    tolerance_s : maximal distance of matching boundaries
    """
    found = wanted = hits = 0
    for own, reference in pairs:
        found, wanted = found + len(own), wanted + len(reference)
        hits += matches(own, reference, tolerance_s)
    precision, recall = hits / max(1, found), hits / max(1, wanted)
    over = found / wanted - 1 if wanted else 0.0
    far = sqrt((1 - recall) ** 2 + over**2)
    offset = (-over + recall - 1) / sqrt(2)
    return BoundaryScores(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if hits else 0.0,
        r_value=1 - (far + abs(offset)) / 2,
        found=found,
        wanted=wanted,
    )
