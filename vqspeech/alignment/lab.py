"""Label files (.lab) in two forms.

HTK: ``start end label`` in units of 100 ns or in seconds. xlabel (Festival, ESPS): ``end colour label`` below a ``#``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.intervals import fields_of, number_of, silence_folded, to_alignment
from vqspeech.errors import InputError

_HTK_UNITS_PER_S = 10_000_000
_SHORTEST_HTK_FILE = 100_000
"""10 ms in HTK's units, 28 hours in seconds: files that end below it are in seconds, all others in HTK's units."""

_HVITE_STATE = re.compile(r"s[0-9]{1,3}")
_Lines = Sequence[tuple[int, list[str]]]


def read_lab(path: Path) -> Alignment:
    """Read a ``.lab`` file.

    Times are HTK's units of 100 ns where the last is 100,000 or more, however they are written, and else seconds.
    Further columns are ignored, except for states of HVite (``s2``), whose phone stands in the fifth.

    Raises
    ------
    InputError : an unreadable file, impossible times, or malformed lines, such as those of a plain transcript
    """
    lines = list(fields_of(path))
    if not lines:
        raise InputError(f"{path}: holds no intervals")
    header = next((index for index, (_, fields) in enumerate(lines) if fields == ["#"]), None)
    rows = _htk_rows(path, lines) if header is None else _xlabel_rows(path, lines[header + 1 :])
    return to_alignment(((start, end, silence_folded(label)) for start, end, label in rows), path)


def _htk_rows(path: Path, lines: _Lines) -> list[tuple[float, float, str]]:
    if lines[0][1][0] == "#!MLF!#":
        raise InputError(f"{path}: is a master label file of HTK; write one file per utterance (HVite -l, HLEd -l)")
    times: list[tuple[float, float]] = []
    for number, fields in lines:
        try:
            start, end, _ = fields[:3]
            times.append((number_of(start), number_of(end)))
        except ValueError:
            raise InputError(f"{path}, line {number}: {' '.join(fields)[:60]!r} is not 'start end label'") from None
    unit = 1 if all(end < _SHORTEST_HTK_FILE for _, end in times) else _HTK_UNITS_PER_S
    labels = _labels([fields for _, fields in lines])
    return [(start / unit, end / unit, label) for (start, end), label in zip(times, labels, strict=True)]


def _labels(lines: Sequence[list[str]]) -> list[str]:
    """Return the label of each line; states of HVite become those of their phone, as in ``hh[2]``."""
    if not all(_HVITE_STATE.fullmatch(fields[2]) for fields in lines) or len(lines[0]) < 5:
        return [fields[2] for fields in lines]
    labels: list[str] = []
    phone = ""
    for fields in lines:
        phone = fields[4] if len(fields) > 4 else phone
        labels.append(f"{phone}[{fields[2][1:]}]")
    return labels


def _xlabel_rows(path: Path, lines: _Lines) -> list[tuple[float, float, str]]:
    rows: list[tuple[float, float, str]] = []
    start_s = 0.0
    for number, fields in lines:
        try:
            end, _ = fields[:2]
            end_s = number_of(end)
        except ValueError:
            raise InputError(f"{path}, line {number}: {' '.join(fields)[:60]!r} is not 'end colour label'") from None
        rows.append((start_s, end_s, fields[2] if len(fields) > 2 else ""))
        start_s = end_s
    return rows
