"""Label files (.lab) in two forms.

HTK: ``start end label`` in units of 100 ns or in seconds. xlabel (Festival, ESPS): ``end colour label`` below a ``#``.
"""

from __future__ import annotations

from pathlib import Path

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.intervals import read_text, silence_folded, to_alignment
from vqspeech.errors import InputError

_HTK_UNITS_PER_S = 10_000_000
_SHORTEST_HTK_FILE = 100_000
"""10 ms: whole numbers that end below it are seconds, since no utterance is that short."""


def read_lab(path: Path) -> Alignment:
    """Read a ``.lab`` file.

    Times with a decimal point are seconds, whole numbers are HTK's units of 100 ns. Further columns are ignored.

    Raises
    ------
    InputError : an unreadable file, impossible times, or malformed lines, such as those of a plain transcript
    """
    lines = [
        (number, line.split()) for number, line in enumerate(read_text(path).splitlines(), start=1) if line.strip()
    ]
    header = next((index for index, (_, fields) in enumerate(lines) if fields == ["#"]), None)
    rows = _htk_rows(path, lines) if header is None else _xlabel_rows(path, lines[header + 1 :])
    return to_alignment(((start, end, silence_folded(label)) for start, end, label in rows), path)


def _htk_rows(path: Path, lines: list[tuple[int, list[str]]]) -> list[tuple[float, float, str]]:
    for number, fields in lines:
        if len(fields) < 3 or not (_is_number(fields[0]) and _is_number(fields[1])):
            raise InputError(f"{path}, line {number}: {' '.join(fields)[:60]!r} is not 'start end label'")
    times = [fields[:2] for _, fields in lines]
    in_seconds = any("." in time for pair in times for time in pair) or all(
        float(end) < _SHORTEST_HTK_FILE for _, end in times
    )
    unit = 1 if in_seconds else _HTK_UNITS_PER_S
    return [(float(fields[0]) / unit, float(fields[1]) / unit, fields[2]) for _, fields in lines]


def _xlabel_rows(path: Path, lines: list[tuple[int, list[str]]]) -> list[tuple[float, float, str]]:
    rows: list[tuple[float, float, str]] = []
    start_s = 0.0
    for number, fields in lines:
        if len(fields) < 2 or not _is_number(fields[0]):
            raise InputError(f"{path}, line {number}: {' '.join(fields)[:60]!r} is not 'end colour label'")
        end_s = float(fields[0])
        rows.append((start_s, end_s, fields[2] if len(fields) > 2 else ""))
        start_s = end_s
    return rows


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
