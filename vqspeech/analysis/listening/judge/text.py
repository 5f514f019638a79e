"""Words and characters that a recogniser got wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

NOTHING = "-"
"""The plain form of a text without letters: one wrong word for whatever stands against it."""


class Errors(NamedTuple):
    """Errors against a reference.

    Parameters
    ----------
    errors : substitutions, deletions and insertions
    total : words or characters of the reference
    """

    errors: int
    total: int


def plain(text: str) -> str:
    """Normalise a text: lower case, letters, digits and apostrophes only; hyphens separate words.

    >>> plain("The well-known “Mr. O’Neil”, 42!")
    "the well known mr o'neil 42"
    """
    text = re.sub(r"[^a-z0-9' ]+", " ", text.lower().replace("’", "'").replace("-", " "))
    return re.sub(r"\s+", " ", text).strip() or NOTHING


def edit_distance(wanted: Sequence[str], heard: Sequence[str]) -> int:
    """Count the fewest substitutions, deletions and insertions that turn one sequence into the other.

    Levenshtein 1966, a row at a time.
    """
    numbers = {item: number for number, item in enumerate({*wanted, *heard})}
    columns = np.array([numbers[item] for item in heard], dtype=np.int64)
    places = np.arange(len(columns) + 1)
    row = places
    for item in wanted:
        # A cell follows the one above, the one above to the left, or any cell to the left at one per step.
        fresh = np.concatenate([row[:1] + 1, np.minimum(row[1:] + 1, row[:-1] + (columns != numbers[item]))])
        row = np.minimum.accumulate(fresh - places) + places
    return int(row[-1])


def word_errors(wanted: str, heard: str) -> Errors:
    """Count wrong words of a text; both are normalised by `plain`."""
    reference = plain(wanted).split()
    return Errors(edit_distance(reference, plain(heard).split()), len(reference))


def character_errors(wanted: str, heard: str) -> Errors:
    """Count wrong characters of a text, spaces included; both are normalised by `plain`."""
    reference = plain(wanted)
    return Errors(edit_distance(reference, plain(heard)), len(reference))
