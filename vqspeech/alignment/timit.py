"""TIMIT's manual alignments of phones (.phn) and words (.wrd).

Phones are folded from 61 to 39 classes, see `vqspeech.alignment.inventories`; the glottal stop ``q`` belongs to no
class and is removed, so that its frames are not scored.
"""

from __future__ import annotations

import re
from pathlib import Path

from vqspeech.alignment.base import Alignment, Interval, silence_folded
from vqspeech.alignment.intervals import LONGEST_S, fields_of, to_alignment
from vqspeech.alignment.inventories import INVENTORIES
from vqspeech.errors import InputError

_SAMPLE = re.compile(r"[-+]?[0-9]{1,15}")


def read_phn(path: Path, *, sample_rate: int = 16000, fold: bool = True) -> Alignment:
    """Read a ``.phn`` file.

    Parameters
    ----------
    path : the file
    sample_rate : rate of the sample numbers, in Hz (16,000 in all of TIMIT)
    fold : fold 61 phones into 39, including silence; False keeps TIMIT's labels

    Raises
    ------
    InputError : an unreadable file, a malformed line, or impossible times
    """
    inventory = INVENTORIES["timit-39"]
    rows = [
        (start, end, silence_folded(label) if fold else label)
        for start, end, phone in _rows(path, sample_rate)
        if (label := inventory.fold(phone) if fold else phone) is not None
    ]
    return to_alignment(rows, path)


def read_wrd(path: Path, *, sample_rate: int = 16000) -> tuple[Interval, ...]:
    """Read the words of a ``.wrd`` file; neighbouring words may overlap in TIMIT.

    Raises
    ------
    InputError : an unreadable file, a malformed line, or a word at impossible times
    """
    words = sorted((Interval(*row) for row in _rows(path, sample_rate)), key=lambda word: word.start_s)
    for word in words:
        if not 0 <= word.start_s <= word.end_s <= LONGEST_S:
            raise InputError(f"{path}: word {word.label!r} from {word.start_s} s to {word.end_s} s is impossible")
    return tuple(words)


def _rows(path: Path, sample_rate: int) -> list[tuple[float, float, str]]:
    kind = path.suffix.lower().lstrip(".")
    rows: list[tuple[float, float, str]] = []
    for number, fields in fields_of(path):
        try:
            rows.append((_sample(fields[0]) / sample_rate, _sample(fields[1]) / sample_rate, fields[2]))
        except (ValueError, IndexError):
            label, shown = "word" if kind == "wrd" else "phone", " ".join(fields)[:60]
            raise InputError(f"{path}, line {number}: {shown!r} is not 'first_sample end_sample {label}'") from None
    return rows


def _sample(text: str) -> int:
    if not _SAMPLE.fullmatch(text):
        raise ValueError(text)
    return int(text)
