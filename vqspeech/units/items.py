"""Item files of the triphone ABX task, as ZeroSpeech and fastabx read them.

A line holds a phone between its neighbours: the file, the onset of the first and the offset of the last phone in
seconds, the phone, both neighbours, and the speaker (Schatz et al. 2013; Nguyen et al. 2020, arXiv 2011.11588).
"""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from vqspeech.alignment.base import SILENCE, Alignment, Interval
from vqspeech.codes import CodeTable
from vqspeech.units.writing import new_file

COLUMNS = ("#file", "onset", "offset", "#phone", "prev-phone", "next-phone", "speaker")
"""Columns of an item file."""

NO_SPEAKER = "unknown"
"""Written for an utterance whose speaker is not known, since a column may not be empty."""

_MICRO = 1_000_000
_TOUCHING_S = 1e-3
"""Neighbours may be this far apart: alignments round their times."""


@dataclass(frozen=True, kw_only=True)
class Triphone:
    """A phone between its neighbours.

    Parameters
    ----------
    file : id of its utterance
    onset_us, offset_us : begin of the first and end of the last phone, in millionths of a second
    phone, before, behind : the phone and its neighbours
    speaker : its speaker
    """

    file: str
    onset_us: int
    offset_us: int
    phone: str
    before: str
    behind: str
    speaker: str


def triphones(table: CodeTable, alignments: Mapping[str, Alignment]) -> list[Triphone]:
    """Return the triphones of utterances that have codes and an alignment.

    Silence ends a triphone, and so does a gap in the alignment. Code t belongs to a triphone when its centre
    ``(t + 1/2) / rate`` lies in it, both ends included; triphones without a code are omitted, and so are those that
    reach beyond the codes.

    Parameters
    ----------
    table : the codes
    alignments : utterance id -> alignment
    """
    rate = Fraction(table.sample_rate, table.hop_samples)
    found = []
    for row in table:
        phones = alignments[row.id].phones if row.id in alignments else ()
        for before, phone, behind in zip(phones, phones[1:], phones[2:], strict=False):
            if SILENCE in (before.label, phone.label, behind.label) or not _touch(before, phone, behind):
                continue
            onset, offset = round(before.start_s * _MICRO), round(behind.end_s * _MICRO)
            first = math.ceil(Fraction(onset, _MICRO) * rate - Fraction(1, 2))
            last = math.floor(Fraction(offset, _MICRO) * rate - Fraction(1, 2))
            if not 0 <= first <= last < row.codes.shape[1]:
                continue
            found.append(
                Triphone(
                    file=row.id,
                    onset_us=onset,
                    offset_us=offset,
                    phone=phone.label,
                    before=before.label,
                    behind=behind.label,
                    speaker=row.speaker or NO_SPEAKER,
                )
            )
    return found


def _touch(*phones: Interval) -> bool:
    return all(abs(second.start_s - first.end_s) <= _TOUCHING_S for first, second in pairwise(phones))


def comparable(items: Iterable[Triphone], *, across: bool) -> bool:
    """Return whether there are triphones A, B and X to compare.

    A and X are of one phone and B of another, all between the same neighbours; A and B are of one speaker, and X is
    another token of that speaker, or with `across` of another speaker.
    """
    spoken: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    for item in items:
        spoken[item.before, item.behind][item.speaker, item.phone] += 1
    for counts in spoken.values():
        phones_of, speakers_of = defaultdict(set), defaultdict(set)
        for speaker, phone in counts:
            phones_of[speaker].add(phone)
            speakers_of[phone].add(speaker)
        for (speaker, phone), count in counts.items():
            others = len(speakers_of[phone]) if across else count
            if others > 1 and len(phones_of[speaker]) > 1:
                return True
    return False


def write_items(items: Sequence[Triphone], path: Path, replaced: Collection[str] = ()) -> None:
    """Write an item file; columns are separated by spaces, and times have six decimal places.

    Parameters
    ----------
    path : file to write; one of the same content may exist
    replaced : SHA-256 (hexadecimal) of files that may be replaced

    Raises
    ------
    InputError : for another file of this name
    """
    with new_file(path, replaced) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, delimiter=" ", lineterminator="\n")
        lines.writerow(COLUMNS)
        for one in items:
            times = (f"{us // _MICRO}.{us % _MICRO:06d}" for us in (one.onset_us, one.offset_us))
            lines.writerow((one.file, *times, one.phone, one.before, one.behind, one.speaker))
