"""Units of a file, checked: a sequence of whole numbers for each utterance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from vqspeech.errors import InputError

MOST_CODES = 2**20
"""Units are below this number."""

NAMES = ("id", "audio", "file", "utterance", "fileid", "name", "audio_name", "path")
"""Keys or columns that hold the name of an utterance, by preference."""

SEQUENCES = ("units", "codes", "unit", "tokens", "audio_codes", "hubert")
"""Keys or columns that hold its units, by preference."""


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitFile:
    """Units of a file.

    Parameters
    ----------
    path : the file
    units : name of the utterance, as the file has it -> (codebooks, frames) int64
    codebook_sizes : number of codes of each codebook; the largest unit + 1 where the file does not say it
    rate_hz : frames per second; None where the file does not say it
    recordings : name -> audio file that it was encoded from, where the file says it
    """

    path: Path
    units: Mapping[str, np.ndarray]
    codebook_sizes: tuple[int, ...]
    rate_hz: Fraction | None = None
    recordings: Mapping[str, str] = field(default_factory=dict)


def collected(path: Path, found: Iterable[tuple[str, np.ndarray]]) -> UnitFile:
    """Make a table of the units of each utterance.

    Parameters
    ----------
    found : pairs of name and units, (frames,) or (codebooks, frames) of any whole type; leading axes of length 1 before
        these are omitted

    Raises
    ------
    ValueError : as `vqspeech.units.reading.read_units`, and without any utterance
    """
    units: dict[str, np.ndarray] = {}
    books = 0
    for name, given in found:
        if name in units:
            raise ValueError(f"{name!r} occurs twice")
        values = given.reshape(given.shape[-2:]) if given.ndim > 2 and set(given.shape[:-2]) == {1} else given
        values = values[None] if values.ndim == 1 else values
        if values.ndim != 2:
            raise ValueError(
                f"the units of {name!r} have shape {given.shape}, expected (frames,) or (codebooks, frames)"
            )
        if values.size and (not np.issubdtype(values.dtype, np.integer) or values.dtype == np.bool_):
            raise ValueError(f"the units of {name!r} are {values.dtype}, not whole numbers")
        if values.size and not 0 <= int(values.min()) <= int(values.max()) < MOST_CODES:
            raise ValueError(
                f"{name!r} has units from {values.min()} to {values.max()}; from 0 to {MOST_CODES - 1} can be used"
            )
        books = books or len(values)
        if len(values) != books:
            raise ValueError(
                f"{name!r} has {len(values)} codebooks, {next(iter(units))!r} {books}; an array is (codebooks, frames)"
            )
        units[name] = values.astype(np.int64)
    if not any(values.size for values in units.values()):
        raise ValueError("it holds no units")
    tops = np.max([values.max(axis=1) for values in units.values() if values.size], axis=0)
    return UnitFile(path=path, units=units, codebook_sizes=tuple(int(top) + 1 for top in tops))


def one_codebook(file: UnitFile, number: int) -> UnitFile:
    """Return the units of one codebook.

    Parameters
    ----------
    number : of the codebook, from 1

    Raises
    ------
    InputError : for a number that the file does not have
    """
    books = len(file.codebook_sizes)
    if not 1 <= number <= books:
        raise InputError(f"{file.path} has {books} codebook{'s' if books > 1 else ''}; {number} is none of them")
    units = {name: values[number - 1 : number] for name, values in file.units.items()}
    return replace(file, units=units, codebook_sizes=file.codebook_sizes[number - 1 : number])


def numbers(text: str, name: str) -> np.ndarray:
    """Read units (frames,) int64 that are separated by spaces or commas; raise ValueError for other content."""
    words = text.replace(",", " ").split()
    wrong = next((word for word in words if not (word.isascii() and word.isdecimal() and len(word) < 10)), None)
    if wrong is not None:
        raise ValueError(f"{name!r} has the unit {wrong[:40]!r}, which is no whole number from 0")
    return np.array(words, np.int64)
