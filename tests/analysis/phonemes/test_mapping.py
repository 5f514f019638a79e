from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.analysis.phonemes.mapping import (
    MAX_FOLDS,
    confusion,
    correct_across,
    folds_of,
    joint_counts,
    majority_accuracy,
    majority_map,
    recall,
    typical_codes,
)
from vqspeech.analysis.resampling import bootstrap_interval

labelled = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=60).map(
    lambda pairs: np.asarray(pairs, dtype=np.int64).T
)


@given(labelled)
def test_majority_accuracy_agrees_with_counting_by_hand(pairs: np.ndarray) -> None:
    codes, labels = pairs
    by_code = {code: Counter(labels[codes == code].tolist()) for code in set(codes.tolist())}
    expected = sum(max(counter.values()) for counter in by_code.values()) / len(codes)
    assert majority_accuracy(codes, labels, 6, 4) == pytest.approx(expected)


@given(labelled)
def test_majority_accuracy_is_at_least_the_prior_and_at_most_one(pairs: np.ndarray) -> None:
    codes, labels = pairs
    prior = np.bincount(labels).max() / len(labels)
    assert prior - 1e-12 <= majority_accuracy(codes, labels, 6, 4) <= 1.0


@given(labelled, st.permutations(range(6)))
def test_renaming_codes_changes_nothing(pairs: np.ndarray, order: list[int]) -> None:
    codes, labels = pairs
    assert majority_accuracy(np.asarray(order)[codes], labels, 6, 4) == majority_accuracy(codes, labels, 6, 4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=80), st.integers(0, 5))
def test_the_interval_holds_the_estimate(frames: list[tuple[bool, int]], seed: int) -> None:
    correct, group = (np.asarray(values) for values in zip(*frames, strict=True))
    interval = bootstrap_interval(correct, group, seed)
    if interval is None:
        assert len(set(group.tolist())) == 1
    else:
        assert 0.0 <= interval[0] <= correct.mean() <= interval[1] <= 1.0


def test_a_code_that_never_occurs_gets_the_most_frequent_phone() -> None:
    counts = joint_counts(np.array([0, 0, 2]), np.array([1, 1, 0]), 3, 2)
    assert majority_map(counts).tolist() == [1, 1, 0]


@given(labelled, st.integers(2, 4))
def test_the_map_across_folds_agrees_with_fitting_each_by_hand(pairs: np.ndarray, n_folds: int) -> None:
    codes, labels = pairs
    folds = np.arange(len(codes)) % n_folds
    expected = []
    for frame in range(len(codes)):
        others = folds != folds[frame]
        seen = labels[others & (codes == codes[frame])]
        counts = np.bincount(seen if len(seen) else labels[others], minlength=4)
        expected.append(counts.argmax() == labels[frame])
    assert correct_across(codes, labels, folds, 6, 4).tolist() == expected


@given(st.integers(2, 60), st.integers(0, 5))
def test_folds_hold_whole_speakers_and_are_as_even_as_can_be(n_speakers: int, seed: int) -> None:
    speaker = np.repeat(np.arange(n_speakers) * 3, 2)
    folds = folds_of(speaker, seed)
    assert folds is not None
    assert (folds[::2] == folds[1::2]).all()
    sizes = np.bincount(folds[::2])
    assert len(sizes) == min(n_speakers, MAX_FOLDS)
    assert sizes.max() - sizes.min() <= 1


def test_one_speaker_has_no_folds() -> None:
    assert folds_of(np.zeros(5, dtype=int), 0) is None


def test_recall_confusion_and_typical_codes_of_a_case_by_hand() -> None:
    # Codes 0 and 3 are phone a, code 2 is phone b.
    counts = np.array([[8, 2], [0, 0], [1, 3], [4, 0]])
    assert recall(counts).tolist() == [12 / 13, 3 / 5]
    assert confusion(counts).tolist() == [[12, 1], [2, 3]]
    assert typical_codes(counts, "ab", "wxyz", most=2) == {
        "a": [("w", 8 / 13, 0.8), ("z", 4 / 13, 1.0)],
        "b": [("y", 3 / 5, 0.75), ("w", 2 / 5, 0.2)],
    }
