"""Read label files as text, and convert rows of (start, end, label) to an `Alignment`."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from vqspeech.alignment.base import SILENCE, SILENCE_LABELS, Alignment, Interval, silence_folded
from vqspeech.alignment.decorations import plain_phones
from vqspeech.errors import InputError

__all__ = ["LONGEST_S", "SILENCE_LABELS", "fields_of", "number_of", "read_text", "silence_folded", "to_alignment"]

LONGEST_S = 1e7
"""Times beyond this, in seconds (about 116 days), are refused: the numbers are no times, or damaged."""

_TOLERANCE_S = 1e-3
# Possessive, so that a long run of digits is refused in linear time.
_NUMBER = re.compile(r"[-+]?(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][-+]?[0-9]{1,3})?+")


def to_alignment(rows: Iterable[tuple[float, float, str]], source: Path | str) -> Alignment:
    """Sort, check and join rows into an `Alignment`.

    Drops empty intervals and merges neighbouring silences. Trims up to a millisecond (rounding) of an overlap, and
    of time before zero. Labels with a context, a state or a position become plain phones, see
    `vqspeech.alignment.decorations`.

    Parameters
    ----------
    rows : (start_s, end_s, label), in seconds
    source : the file, for messages

    Raises
    ------
    InputError : no rows, an end before its start, a negative, non-finite or absurd time, overlapping intervals, or a
        control character in a label
    """
    phones: list[Interval] = []
    for start_s, end_s, label in plain_phones(sorted(_checked(rows, source))):
        if phones and start_s < phones[-1].end_s:
            if phones[-1].end_s - start_s > _TOLERANCE_S:
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


def _checked(rows: Iterable[tuple[float, float, str]], source: Path | str) -> Iterator[tuple[float, float, str]]:
    for start_s, end_s, label in rows:
        if not (math.isfinite(start_s) and -_TOLERANCE_S <= start_s <= end_s <= LONGEST_S):
            raise InputError(f"{source}: interval {label!r} from {start_s} s to {end_s} s is impossible")
        if any(unicodedata.category(sign) == "Cc" and sign not in "\t\r\n" for sign in label):
            raise InputError(
                f"{source}: the label {label!r} holds a control character; the file is damaged or in an encoding that "
                "is not read; save it as UTF-8"
            )
        yield max(0.0, start_s), max(0.0, end_s), label


def number_of(text: str) -> float:
    """Parse a decimal number in ASCII digits.

    Raises
    ------
    ValueError : anything else, such as ``nan``, ``inf`` or ``1_000``
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return float(text)


def fields_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Read the lines of a label file that are not blank: their numbers, from 1, and their fields.

    Only line feeds and carriage returns end a line, and only blanks and tabs separate fields.

    Raises
    ------
    InputError : see `read_text`
    """
    for number, line in enumerate(re.split(r"\r\n|\n|\r", read_text(path)), start=1):
        if fields := re.findall(r"[^ \t]++", line):
            yield number, fields


def read_text(path: Path) -> str:
    """Read a small text file: UTF-16 with or without a byte order mark, UTF-8, else Latin-1.

    The sign by which DOS ends a file (0x1A) is removed.

    Raises
    ------
    InputError : a missing or unreadable file, one that is no regular file, or damaged UTF-16
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: cannot be read: it is no regular file")
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r}: cannot be read: {error}") from error
    # The first sign of every label file is ASCII.
    wide = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}.get(raw[:2])
    if wide is None and len(raw) > 1 and (raw[0] == 0) != (raw[1] == 0):
        wide = "utf-16-le" if raw[1] == 0 else "utf-16-be"
    try:
        text = raw.decode(wide or "utf-8-sig")
    except UnicodeDecodeError as error:
        if wide is not None:
            raise InputError(f"{path}: damaged UTF-16 at byte {error.start}: {error.reason}") from None
        text = raw.decode("latin-1")
    return text.removesuffix("\x1a")
