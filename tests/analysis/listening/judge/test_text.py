import random

import pytest

from vqspeech.analysis.listening.judge.text import character_errors, edit_distance, plain, word_errors


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The well-known “Mr. O’Neil”, 42!", "the well known mr o'neil 42"),
        ("  SHE\thad\nyour ", "she had your"),
        ("...", "-"),
        ("", "-"),
    ],
)
def test_texts_are_compared_in_lower_case_without_punctuation(text, wanted):
    assert plain(text) == wanted


def slow_distance(one, other):
    """Levenshtein's recursion, cell by cell."""
    above = list(range(len(other) + 1))
    for row, item in enumerate(one, start=1):
        cells = [row]
        for column, against in enumerate(other, start=1):
            cells.append(min(above[column] + 1, cells[-1] + 1, above[column - 1] + (item != against)))
        above = cells
    return above[-1]


def test_the_edit_distance_is_levenshteins():
    draws = random.Random(0)
    for _ in range(300):
        one, other = ("".join(draws.choices("abc ", k=draws.randint(0, 12))) for _ in range(2))
        assert edit_distance(one, other) == slow_distance(one, other), (one, other)


def test_errors_count_substitutions_deletions_and_insertions_against_the_reference():
    assert word_errors("She had your dark suit.", "she had her dark suit on") == (2, 5)
    assert word_errors("one two", "") == (2, 2)
    assert character_errors("ab c", "abc") == (1, 4)


def test_rates_are_those_of_jiwer():
    jiwer = pytest.importorskip("jiwer")
    draws = random.Random(1)
    words = ["a", "bc", "it's", "dark"]
    for _ in range(100):
        wanted, heard = (plain(" ".join(draws.choices(words, k=draws.randint(1, 8)))) for _ in range(2))
        errors, total = word_errors(wanted, heard)
        assert errors / total == pytest.approx(jiwer.wer(wanted, heard))
        errors, total = character_errors(wanted, heard)
        assert errors / total == pytest.approx(jiwer.cer(wanted, heard))
