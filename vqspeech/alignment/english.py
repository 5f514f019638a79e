"""Words of English transcripts, as somebody reads them: numbers, amounts, times and abbreviations are spelled out."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from vqspeech.errors import InputError

_ABBREVIATIONS = {
    "mr": "mister", "mrs": "misses", "ms": "miz", "dr": "doctor", "prof": "professor", "jr": "junior", "sr": "senior",
    "vs": "versus", "etc": "et cetera", "e.g": "for example", "i.e": "that is", "approx": "approximately",
}  # fmt: skip
_SYMBOLS = {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "@": " at ", "°": " degrees "}
_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i"}
_MONEY = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent")}

_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\u00b4`]")
_ABBREVIATION = re.compile(rf"\b({'|'.join(map(re.escape, _ABBREVIATIONS))})(?:\.|\b)")
_SAINT = re.compile(r"\bSt\.? (?=[A-Z])")
_LETTER_POINTS = re.compile(r"\b(?:[a-z]\.){2,}")
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}\b)")
_AMOUNT = re.compile(r"([$£€]) ?([0-9]+)(?:\.([0-9]{2}))?(?![.0-9])(?: ?(hundred|thousand|million|billion)\b)?")
_TIME = re.compile(r"\b([0-9]{1,2}):([0-5][0-9])\b")
_DECADE = re.compile(r"\b([12][0-9])([1-9]0)s\b")
_ORDINAL = re.compile(r"\b([0-9]{1,15})(?:st|nd|rd|th)\b")
_YEAR = re.compile(r"(?<![.0-9])(1[1-9]|20(?=[1-9]))([0-9]{2})(?![0-9]|\.[0-9])")
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_ON_THE_HOUR = "o'clock"
_LONGEST_NUMBER = 15
"""Digits of the longest number that is read as one; longer ones, and those with a leading zero, digit by digit."""


def words_of(text: str) -> list[str]:
    """Return the words of a transcript in lower case, as CMUdict writes them.

    Accents are removed. "1984" is nineteen eighty-four, "$5.20" is five dollars and twenty cents, "Dr." is doctor.

    Raises
    ------
    InputError : letters or digits that are not English, or numbers in digits without the package inflect
    """
    text = _SAINT.sub("saint ", _APOSTROPHES.sub("'", text))
    text = "".join(_LETTERS.get(sign, sign) for sign in text.lower())
    # The degree sign and currencies are replaced before marks are removed.
    text = "".join(_SYMBOLS.get(sign, sign) for sign in text)
    text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    if strange := sorted({sign for sign in text if sign.isalnum() and not sign.isascii()}):
        shown = " ".join(strange[:5])
        raise InputError(f"the transcript holds letters that are not English ({shown}); this aligner knows English")
    text = _ABBREVIATION.sub(lambda match: f" {_ABBREVIATIONS[match[1]]} ", text)
    text = _LETTER_POINTS.sub(lambda match: match[0].replace(".", " ") + " ", text)
    if re.search("[0-9]", text):
        text = _spelled_out(text)
    words = re.sub(r"[^a-z']+", " ", text).split()
    return [word for word in (_without_quotes(word) for word in words) if word]


def _without_quotes(word: str) -> str:
    """Remove quotation marks around a word; an apostrophe before or behind it stays."""
    return word[1:-1] if len(word) > 1 and word[0] == "'" == word[-1] else word.strip("'") and word


def _spelled_out(text: str) -> str:
    """Replace numbers in digits by words."""
    read = _reader()

    def amount(match: re.Match[str]) -> str:
        unit, part = _MONEY[match[1]]
        whole = f"{_cardinal(read, match[2])} {match[4] or ''} {_plural(read, unit, match[2], match[4])}"
        cents = f" and {_cardinal(read, str(int(match[3])))} {_plural(read, part, match[3])}" if match[3] else ""
        return f" {whole}{cents} "

    def time(match: re.Match[str]) -> str:
        hour, minutes = _cardinal(read, match[1].lstrip("0") or "0"), match[2]
        return f" {hour} {_pair(read, minutes) if minutes != '00' else _ON_THE_HOUR} "

    def number(match: re.Match[str]) -> str:
        decimals = f" point {_digits(read, match[2])}" if match[2] else ""
        return f" {_cardinal(read, match[1])}{decimals} "

    text = _AMOUNT.sub(amount, _THOUSANDS.sub("", text))
    text = _TIME.sub(time, text)
    text = _DECADE.sub(lambda match: f" {_cardinal(read, match[1])} {read.plural(_cardinal(read, match[2]))} ", text)
    text = _ORDINAL.sub(lambda match: f" {read.number_to_words(read.ordinal(int(match[1])))} ", text)
    text = _YEAR.sub(lambda match: f" {_cardinal(read, match[1])} {_pair(read, match[2])} ", text)
    return _NUMBER.sub(number, text)


def _reader() -> Any:
    try:
        import inflect
    except ImportError as error:
        raise InputError(
            "the transcript holds numbers in digits, which the package inflect reads: pip install 'vqspeech[align]'"
        ) from error
    return inflect.engine()


def _cardinal(read: Any, digits: str) -> str:
    if len(digits) > _LONGEST_NUMBER or (len(digits) > 1 and digits[0] == "0"):
        return _digits(read, digits)
    return str(read.number_to_words(int(digits)))


def _digits(read: Any, digits: str) -> str:
    return " ".join(str(read.number_to_words(int(digit))) for digit in digits)


def _pair(read: Any, digits: str) -> str:
    """Return the last two digits of a year or a time: "hundred", "oh five", "eighty-four"."""
    if digits == "00":
        return "hundred"
    return f"oh {_cardinal(read, digits[1])}" if digits[0] == "0" else _cardinal(read, digits)


def _plural(read: Any, unit: str, digits: str, multiple: str | None = None) -> str:
    if unit == "penny":
        return "penny" if int(digits) == 1 else "pence"
    return unit if int(digits) == 1 and not multiple else str(read.plural(unit))
