"""Units as text: lines with names, JSON lines, and fairseq's labels with a manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech import untrusted
from vqspeech.units.sequences import NAMES, SEQUENCES, UnitFile, collected, numbers

_SEPARATOR = re.compile(r"[|\t]")


def of_text(path: Path) -> UnitFile:
    """Read lines ``name|units`` (fairseq), ``name<tab>units`` (textless), ``name units`` or JSON objects (SpidR).

    Raises
    ------
    ValueError, OSError : for other content
    """
    with path.open(encoding="utf-8-sig") as file:
        full = (line.strip() for line in file)
        filled = (line for line in full if line)
        first = next(filled, "")
        content = chain([first], filled) if first else iter(())
        return collected(path, _of_json(content) if first.startswith("{") else map(_named, content))


def of_labels(path: Path) -> UnitFile:
    """Read fairseq's ``.km``, units of one utterance a line, with the names of the ``.tsv`` manifest beside it.

    Raises
    ------
    ValueError, OSError : without the manifest, or when it has another number of utterances
    """
    manifest = path.with_suffix(".tsv")
    if not manifest.is_file():
        raise ValueError(f"its lines have no names, and the manifest {manifest} is missing")
    names = [line.split("\t")[0] for line in manifest.read_text(encoding="utf-8-sig").splitlines()[1:] if line.strip()]
    rows = path.read_text(encoding="utf-8-sig").splitlines()
    if len(rows) != len(names):
        raise ValueError(f"it has {len(rows)} lines, its manifest {manifest.name} {len(names)} utterances")
    return collected(path, ((name, numbers(row, name)) for name, row in zip(names, rows, strict=True)))


def _named(line: str) -> tuple[str, np.ndarray]:
    # A name may hold spaces where a separator follows it.
    parts = _SEPARATOR.split(line, maxsplit=1) if _SEPARATOR.search(line) else line.split(maxsplit=1)
    name = parts[0].strip()
    return name, numbers(parts[1] if len(parts) > 1 else "", name)


def _of_json(lines: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
    for number, line in enumerate(lines, start=1):
        try:
            values = untrusted.json_object(line)
        except ValueError as error:
            raise ValueError(f"object {number} is not JSON ({error})") from None
        name = untrusted.text(_first(values, NAMES, number), f"the name of object {number}")
        given = _first(values, SEQUENCES, number)
        yield name, numbers(given, name) if isinstance(given, str) else _array(given, name)


def _first(values: dict[str, Any], keys: tuple[str, ...], number: int) -> Any:
    for key in keys:
        if key in values:
            return values[key]
    raise ValueError(f"object {number} has none of the keys {', '.join(keys)}")


def _array(given: Any, name: str) -> np.ndarray:
    """Convert a list of units, or of a list for each codebook."""
    rows = untrusted.items(given, f"the units of {name!r}")
    if rows and isinstance(rows[0], list):
        books = [untrusted.wholes(row, f"the units of {name!r}") for row in rows]
        if len({len(book) for book in books}) > 1:
            raise ValueError(f"the codebooks of {name!r} differ in length: {[len(book) for book in books]}")
        return np.array(books, np.int64)
    return np.array(untrusted.wholes(rows, f"the units of {name!r}"), np.int64)
