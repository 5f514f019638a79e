"""The longest stretch that occurs in training, against a search of all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.analysis.sampled.nearest import Stretch, joint_symbols, nearest_stretches

SEQUENCE = st.lists(st.integers(0, 2), max_size=12)


def slow(sequence, training):
    """The length of the longest common stretch, by comparing all."""
    return max(
        (
            length
            for other in training
            for length in range(len(sequence) + 1)
            for at in range(len(sequence) - length + 1)
            for there in range(len(other) - length + 1)
            if sequence[at : at + length] == other[there : there + length]
        ),
        default=0,
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(SEQUENCE, min_size=1, max_size=3), st.lists(SEQUENCE, min_size=1, max_size=4))
def test_it_is_the_longest(sequences, training):
    arrays = [[np.array(one, np.int64) for one in group] for group in (sequences, training)]
    for sequence, found in zip(sequences, nearest_stretches(*arrays), strict=True):
        assert found.frames == slow(sequence, training)
        if found.frames:
            stretch = sequence[found.start : found.start + found.frames]
            assert stretch == training[found.training][found.training_start :][: found.frames]


def test_a_memorised_stretch_is_found_with_its_place():
    generator = np.random.default_rng(0)
    training = [generator.integers(0, 500, length) for length in (90, 300, 40)]
    fresh, copied = generator.integers(0, 500, (2, 320))
    copied[100:220] = training[1][50:170]
    first, second = nearest_stretches([fresh, copied], training)
    assert first.frames <= 2
    assert second == Stretch(frames=120, start=100, training=1, training_start=50)


def test_a_sequence_of_training_is_found_whole():
    training = [np.array([1, 2, 3]), np.array([4, 5])]
    assert [one.frames for one in nearest_stretches(training, training)] == [3, 2]
    assert nearest_stretches([np.array([7])], training) == [Stretch(frames=0, start=0, training=-1, training_start=-1)]
    assert nearest_stretches([], training) == []


def test_it_does_not_reach_over_the_end_of_a_sequence():
    (found,) = nearest_stretches([np.array([1, 2, 3, 4])], [np.array([1, 2]), np.array([3, 4])])
    assert found.frames == 2


def test_joint_symbols_are_equal_where_all_codebooks_are():
    first, second = joint_symbols([[np.array([[1, 1, 2], [0, 3, 0]])], [np.array([[1, 2], [3, 0]])]])
    assert first[0][1] == second[0][0] and first[0][2] == second[0][1]
    assert len({*first[0].tolist()}) == 3
    assert joint_symbols([[], []]) == [[], []]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 9])
def test_every_length_is_found_whole(length):
    """Lengths about powers of two, where the ranks double."""
    sequence = np.arange(length)
    assert nearest_stretches([sequence], [np.r_[9, sequence, 9]])[0].frames == length
