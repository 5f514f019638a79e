"""CSV tables of recordings, read as the csv module means a file: every row counts, or the table is refused.

The encoding is UTF-8, or UTF-16 with a byte order mark. Columns are separated by commas, semicolons, tabs or bars.
"""

from __future__ import annotations

import csv
import io
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vqspeech.audio import AUDIO_SUFFIXES
from vqspeech.errors import CorpusError

REQUIRED = ("path", "speaker")
_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"sep=([,;\t|])\r?\n?")
"""First line that Excel writes and reads."""

_NAMES = ("path", "speaker", "id", "split", "alignment")
"""Columns whose values are names: no control characters, at most `_MOST_CHARACTERS`."""

_MOST_CHARACTERS = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_SPACES = " \t\xa0\u3000"
"""Characters around a value that do not belong to it."""


class NoTableError(CorpusError):
    """A file without the columns of a table of recordings."""


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Parameters
    ----------
    where : table and line, for messages
    values : column in lower case -> value without spaces around it, empty where the row has none
    """

    where: str
    values: Mapping[str, str]


def read_rows(table: Path) -> list[Row]:
    """Read the rows of a table of recordings; blank lines are no rows.

    Raises
    ------
    NoTableError : without the columns path and speaker
    CorpusError : unreadable, of another encoding, or with a row of more values than columns, a quote that stays open
        or swallows rows, or a name with control characters
    """
    text = _text(table)
    if match := _SEPARATOR_LINE.match(text):
        text, delimiters = text[match.end() :], match[1]
    else:
        delimiters = _DELIMITERS
    header = text.split("\n", 1)[0].split("\r", 1)[0]
    columns: list[str] = []
    for delimiter in sorted(delimiters, key=header.count, reverse=True):
        found = _header(table, header, delimiter)
        columns = columns or found
        if set(REQUIRED) <= set(found):
            columns = found
            break
    if missing := [name for name in REQUIRED if name not in columns]:
        raise NoTableError(
            f"{table}: no column {' and '.join(missing)}; the header is {', '.join(columns)[:200] or 'empty'}. "
            "Needed: path, speaker"
        )
    if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
        raise CorpusError(f"{table}: several columns have the name {', '.join(twice)}; rename all but one")
    rows = list(_rows(table, text, delimiter, columns, 1 if match else 0))
    if not rows:
        raise CorpusError(f"{table}: has a header and no rows")
    return rows


def _header(table: Path, header: str, delimiter: str) -> list[str]:
    try:
        names = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error as error:
        raise NoTableError(f"{table}: its header cannot be read: {error}") from error
    return [name.strip(_SPACES).lower() for name in names]


def _rows(table: Path, text: str, delimiter: str, columns: list[str], before: int) -> Iterator[Row]:
    """Yield the rows; `before` lines stand above the text."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    where = f"{table}, line {before + 1}"
    try:
        next(lines)
        while True:
            where = f"{table}, line {before + lines.line_num + 1}"
            fields = next(lines, None)
            if fields is None:
                return
            fields = [field.strip(_SPACES) for field in fields]
            if not any(fields):
                continue
            _check(where, fields, delimiter, columns)
            values = dict.fromkeys(columns, "") | dict(zip(columns, fields, strict=False))
            for name in _NAMES:
                _check_name(where, name, values.get(name, ""))
            yield Row(where, values)
    except csv.Error as error:
        raise CorpusError(
            f"{where}: {error}. A quote that opens a value must close it, before a {_named(delimiter)} or the end of "
            'the line; write a quote within a value twice, and the value in quotes: "so ""he"" said"'
        ) from error


def _check(where: str, fields: list[str], delimiter: str, columns: list[str]) -> None:
    """Refuse a row of more values than columns, and a value that holds rows."""
    if any(fields[len(columns) :]):
        raise CorpusError(
            f"{where}: {len(fields)} values, the header has {len(columns)} columns; "
            f"put a value that holds a {_named(delimiter)} in quotes"
        )
    for field in fields:
        cells = re.split(rf"[{re.escape(delimiter)}\r\n]", field)
        if "\n" in field and any(cell.strip().lower().endswith(AUDIO_SUFFIXES) for cell in cells[1:]):
            raise CorpusError(
                f"{where}: a quote opens a value here that holds whole rows; close the quote before the end of its "
                "line, or write a quote within a value twice"
            )


def _check_name(where: str, column: str, value: str) -> None:
    if _CONTROL.search(value):
        raise CorpusError(f"{where}: {column} {value[:60]!a} holds a control character or a line break")
    if len(value) > _MOST_CHARACTERS:
        raise CorpusError(f"{where}: {column} has {len(value)} characters; the most are {_MOST_CHARACTERS}")


def _named(delimiter: str) -> str:
    return {"\t": "tab"}.get(delimiter, delimiter)


def _text(table: Path) -> str:
    """Decode a table; refuse other encodings by the line and byte that shows them."""
    try:
        if not stat.S_ISREG(table.stat().st_mode):
            raise CorpusError(f"{table}: is not a file")
        content = table.read_bytes()
    except OSError as error:
        raise CorpusError(f"{table}: cannot be read: {error.strerror or error}") from error
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if (encoding == "utf-8-sig" and b"\x00" in content) or content[:4] == b"\xff\xfe\x00\x00":
        raise CorpusError(
            f"{table}: holds NUL characters, as a table in UTF-32, or in UTF-16 without a byte order mark, does; "
            "save it as UTF-8"
        )
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CorpusError(
            f"{table}, line {line}: byte 0x{content[error.start]:02X} is not {encoding.removesuffix('-sig').upper()}; "
            f"the table may be Latin-1 or Windows-1252. Save it as UTF-8, for example: "
            f"iconv -f WINDOWS-1252 -t UTF-8 {table.name} > utf8.csv"
        ) from error
    return text
