from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.analysis.phonemes.boundaries import boundary_scores, code_boundaries, matches, phone_boundaries


def test_boundaries_are_where_labels_change_and_gaps_have_two() -> None:
    alignment = Alignment((Interval(0.0, 0.1, "a"), Interval(0.1, 0.2, "b"), Interval(0.25, 0.4, "c")))
    assert phone_boundaries(alignment, 0.4).tolist() == [0.1, 0.2, 0.25]
    assert phone_boundaries(alignment, 0.15).tolist() == [0.1]
    assert code_boundaries(np.array([5, 5, 1, 1, 1, 2]), 0.04) == pytest.approx([0.08, 0.2])


def slow_matches(found: list[int], wanted: list[int], tolerance: int) -> int:
    """The largest matching by trying every subset of the found boundaries, in order."""
    for size in range(min(len(found), len(wanted)), 0, -1):
        for mine in combinations(found, size):
            for theirs in combinations(wanted, size):
                if all(abs(a - b) <= tolerance for a, b in zip(mine, theirs, strict=True)):
                    return size
    return 0


times = st.lists(st.integers(0, 20), max_size=5, unique=True).map(sorted)


@settings(max_examples=200, deadline=None)
@given(times, times, st.integers(0, 4))
def test_matching_is_the_largest_there_is(found: list[int], wanted: list[int], tolerance: int) -> None:
    assert matches(np.array(found), np.array(wanted), tolerance) == slow_matches(found, wanted, tolerance)


def test_scores_of_a_case_by_hand() -> None:
    pairs = [(np.array([0.10, 0.20, 0.30]), np.array([0.12, 0.31])), (np.array([0.5]), np.array([0.6, 0.7]))]
    scores = boundary_scores(pairs, 0.02)
    assert (scores.precision, scores.recall, scores.found, scores.wanted) == (2 / 4, 2 / 4, 4, 4)
    assert scores.f1 == 0.5


def test_perfect_is_one_and_boundaries_everywhere_cost_r_value_but_not_recall() -> None:
    wanted = np.arange(1, 10) * 0.1
    perfect = boundary_scores([(wanted, wanted)], 0.02)
    assert (perfect.f1, perfect.r_value) == (1.0, 1.0)
    everywhere = boundary_scores([(np.arange(1, 100) * 0.01, wanted)], 0.02)
    assert everywhere.recall == 1.0
    assert everywhere.r_value < 0 < everywhere.f1


def test_nothing_found_is_zero_and_not_an_error() -> None:
    scores = boundary_scores([(np.array([]), np.array([0.1]))], 0.02)
    assert (scores.precision, scores.recall, scores.f1) == (0.0, 0.0, 0.0)
