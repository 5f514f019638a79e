"""Words that a recogniser hears in samples."""

import pytest

from vqspeech.analysis.sampled.words import words_heard, words_of


def test_a_clip_has_words_if_there_are_different_ones_for_its_length():
    heard = ["One, two - three!", "you", "the the the the", ""]
    found = words_heard(heard, [3.0, 3.0, 3.0, 3.0])
    assert found.clips == 4
    assert found.share == 0.25
    assert found.words_per_s == pytest.approx(8 / 12)
    assert found.again is None


def test_words_that_are_there_do_not_change_with_the_voice():
    found = words_heard(["one two three", "a b"], [1.0, 1.0], ["One two four", "a b c d"])
    assert found.again == pytest.approx(1 - (1 + 2) / (3 + 4))
    assert words_heard([""], [1.0], ["-"]).again == 0


def test_nothing_is_heard_in_no_clips():
    assert words_heard([], []) is None
    assert words_of("...") == []
