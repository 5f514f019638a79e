"""Check and convert rows of (start, end, label) to an `Alignment`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from vqspeech.alignment.base import SILENCE, Alignment, Interval
from vqspeech.errors import InputError

SILENCE_LABELS = frozenset({"", "sil", "sp", "pau", "pause", "h#", "#", "#h", "epi", "<eps>", "<sil>", "<p>", "_", "-"})
"""Labels that aligners write for silence, lower case."""

_OVERLAP_TOLERANCE_S = 1e-3


def silence_folded(label: str) -> str:
    """Return the label, or `SILENCE` for any of `SILENCE_LABELS`."""
    label = label.strip()
    return SILENCE if label.lower() in SILENCE_LABELS else label


def to_alignment(rows: Iterable[tuple[float, float, str]], source: Path) -> Alignment:
    """Sort, check and join rows into an `Alignment`.

    Drops empty intervals, merges neighbouring silences and trims overlaps of up to a millisecond (rounding).

    Parameters
    ----------
    rows : (start_s, end_s, label), in seconds
    source : the file, for messages

    Raises
    ------
    InputError : no rows, an end before its start, a negative or non-finite time, or overlapping intervals
    """
    phones: list[Interval] = []
    for start_s, end_s, label in sorted(rows):
        if not (math.isfinite(start_s) and math.isfinite(end_s)) or start_s < 0 or end_s < start_s:
            raise InputError(f"{source}: interval {label!r} from {start_s} s to {end_s} s is impossible")
        if phones and start_s < phones[-1].end_s:
            if phones[-1].end_s - start_s > _OVERLAP_TOLERANCE_S:
                raise InputError(
                    f"{source}: {label!r} at {start_s} s overlaps {phones[-1].label!r}, "
                    f"which ends at {phones[-1].end_s} s"
                )
            start_s = phones[-1].end_s
        if end_s <= start_s:
            continue
        if phones and label == SILENCE == phones[-1].label and phones[-1].end_s == start_s:
            phones[-1] = Interval(phones[-1].start_s, end_s, SILENCE)
        else:
            phones.append(Interval(start_s, end_s, label))
    if not phones:
        raise InputError(f"{source}: holds no intervals")
    return Alignment(tuple(phones))


def read_text(path: Path) -> str:
    """Read a small text file: UTF-16 or UTF-8 by its byte order mark, else UTF-8, else Latin-1.

    Raises
    ------
    InputError : a missing or unreadable file
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
