"""TIMIT's manual alignments of phones (.phn) and words (.wrd).

Phones are folded from 61 to 39 classes, see `vqspeech.alignment.inventories`; the glottal stop ``q`` belongs to no
class and is removed, so that its frames are not scored.
"""

from __future__ import annotations

from pathlib import Path

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.alignment.intervals import read_text, to_alignment
from vqspeech.alignment.inventories import INVENTORIES
from vqspeech.errors import InputError


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
        (start, end, label)
        for start, end, phone in _rows(path, sample_rate)
        if (label := inventory.fold(phone) if fold else phone) is not None
    ]
    return to_alignment(rows, path)


def read_wrd(path: Path, *, sample_rate: int = 16000) -> tuple[Interval, ...]:
    """Read the words of a ``.wrd`` file; neighbouring words may overlap in TIMIT.

    Raises
    ------
    InputError : an unreadable file, a malformed line, or a word that ends before it starts
    """
    words = sorted((Interval(*row) for row in _rows(path, sample_rate)), key=lambda word: word.start_s)
    for word in words:
        if word.start_s < 0 or word.end_s < word.start_s:
            raise InputError(f"{path}: word {word.label!r} from {word.start_s} s to {word.end_s} s is impossible")
    return tuple(words)


def _rows(path: Path, sample_rate: int) -> list[tuple[float, float, str]]:
    kind = path.suffix.lower().lstrip(".")
    rows: list[tuple[float, float, str]] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not (fields := line.split()):
            continue
        try:
            rows.append((int(fields[0]) / sample_rate, int(fields[1]) / sample_rate, fields[2]))
        except (ValueError, IndexError):
            label = "word" if kind == "wrd" else "phone"
            raise InputError(f"{path}, line {number}: {line!r} is not 'first_sample end_sample {label}'") from None
    return rows
