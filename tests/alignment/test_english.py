"""Words of English transcripts."""

import sys

import pytest

from vqspeech.alignment.english import words_of
from vqspeech.errors import InputError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Well-known: \u201cIt\u2019s an 'old' dogs' tale!\u201d", "well known it's an old dogs' tale"),
        ("Caf\u00e9, Stra\u00dfe", "cafe strasse"),
        ("Dr. Smith and Mrs Jones, e.g. in St. Paul & the U.K.", "doctor smith and misses jones for example in saint "
         "paul and the u k"),
        ("?! ...", ""),
    ],
)  # fmt: skip
def test_words_are_those_that_one_says(text: str, words: str) -> None:
    assert words_of(text) == words.split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1984, 1905, 1900, 2000 and 2,500", "nineteen eighty four nineteen oh five nineteen hundred two thousand and "
         "two thousand five hundred"),
        ("$5.20 or \u00a31 or \u20ac3 million", "five dollars and twenty cents or one pound or three million euros"),
        ("at 5:30 or 7:05 or 9:00", "at five thirty or seven oh five or nine o'clock"),
        ("the 21st of the 1990s, 10%", "the twenty first of the nineteen nineties ten percent"),
        ("3.14 and 007", "three point one four and zero zero seven"),
        ("9" * 17, " ".join(["nine"] * 17)),
    ],
)  # fmt: skip
def test_numbers_are_spelled_out(text: str, words: str) -> None:
    pytest.importorskip("inflect")
    assert words_of(text) == words.split()


@pytest.mark.parametrize("text", ["\u043f\u0440\u0438\u0432\u0435\u0442", "\u4f60\u597d one", "\u0663 cats"])
def test_other_scripts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="not English"):
        words_of(text)


def test_numbers_need_inflect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inflect", None)
    with pytest.raises(InputError, match=r"inflect.*vqspeech\[align\]"):
        words_of("5 cats")
