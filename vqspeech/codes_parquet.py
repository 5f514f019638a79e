"""Parquet files of tables of codes: written with a checksum, and checked before they are used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vqspeech.files import whole_file
from vqspeech.untrusted import json_object

COLUMNS = ["id", "speaker", "split", "path", "n_samples", "codes"]
"""Columns of a table's Parquet file."""

PITCH = "pitch"
"""A column of tables that hold F0; null in rows without."""

FACTS = b"vqspeech"
"""Key of the file's metadata: facts about all rows, as JSON."""

SEAL = b"vqspeech:sha256="
"""Mark before the checksum of the file, which stands between the data and the footer; readers of Parquet skip both."""

MOST_BYTES_PER_BYTE = 1000
"""Bytes in memory that a byte of a file may stand for; a thousand are 250 codes."""

BUFFER_BYTES = 2**20
"""Bytes of a column that are read together."""

_TYPES = {
    **dict.fromkeys(("id", "speaker", "split", "path"), pa.large_string()),
    "n_samples": pa.int64(),
    "codes": pa.large_list(pa.large_list(pa.int64())),
    PITCH: pa.large_list(pa.uint8()),
}


def write(path: Path, rows: pa.Table, metadata: Mapping[str, str]) -> None:
    """Write rows with metadata and a checksum, atomically."""
    with whole_file(path) as partial:
        pq.write_table(rows.replace_schema_metadata(dict(metadata)), partial)
        seal(partial)


def seal(path: Path) -> None:
    """Add the checksum to a finished Parquet file."""
    with path.open("r+b") as file:
        start = _footer(file)
        digest = _digest(file, start, start)
        file.seek(start)
        footer = file.read()
        file.seek(start)
        file.write(SEAL + digest + footer)


def verify(path: Path) -> None:
    """Compare a file with its checksum, without parsing it.

    Files of vqspeech 0.1 and of other programs have none.

    Raises
    ------
    OSError : when it cannot be read
    ValueError : when it is not a Parquet file, or not as it was written
    """
    if not path.is_file():
        raise ValueError("it is not a file" if path.exists() else "there is no such file")
    with path.open("rb") as file:
        start = _footer(file)
        begin = start - len(SEAL) - hashlib.sha256().digest_size
        if begin < 0:
            return
        file.seek(begin)
        if file.read(len(SEAL)) != SEAL:
            return
        if file.read(start - file.tell()) != _digest(file, begin, start):
            raise ValueError(
                "it is damaged: its checksum differs from the one written with it; delete it and encode again"
            )


def checked_metadata(path: Path) -> dict[bytes, bytes]:
    """Verify a file and return its metadata.

    Raises
    ------
    OSError, pyarrow.ArrowException, ValueError : when it is no table of codes, or not as it was written
    """
    verify(path)
    with pq.ParquetFile(path) as file:
        _columns(file.schema_arrow)
        return dict(file.schema_arrow.metadata or {})


def checked_batches(path: Path) -> Iterator[pa.Table]:
    """Yield the rows of a verified file in known types, a block in memory at a time; errors as `checked_metadata`."""
    # Without buffers of its own, Arrow reads a whole column of a row group at once.
    with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
        schema = file.schema_arrow
        names, size, most = _columns(schema), 0, 2**24 + MOST_BYTES_PER_BYTE * path.stat().st_size
        _checked(schema.empty_table().select(names))
        for batch in file.iter_batches(1024, columns=names):
            size += batch.nbytes
            if size > most:
                raise ValueError(f"its {path.stat().st_size} bytes stand for more than {most}")
            yield _checked(pa.Table.from_batches([batch]))


def _columns(schema: pa.Schema) -> list[str]:
    """Return the columns to read; raise ValueError for a file without them."""
    if missing := [name for name in COLUMNS if schema.names.count(name) != 1]:
        raise ValueError(f"it has no column {' and no '.join(missing)}")
    if schema.names.count(PITCH) > 1:
        raise ValueError(f"it has several columns {PITCH}")
    return [*COLUMNS, *({PITCH} & set(schema.names))]


def _checked(rows: pa.Table) -> pa.Table:
    """Check some rows and return them in known types."""
    rows.validate(full=True)
    rows = _normal(rows)
    for name in COLUMNS:
        if rows[name].null_count:
            raise ValueError(f"the column {name} has rows without a value")
    return rows


def facts_of(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the facts about all rows.

    Raises
    ------
    ValueError : when there are none
    """
    if FACTS not in metadata:
        raise ValueError(f"its metadata has no key {FACTS.decode()!r}")
    return json_object(metadata[FACTS])


def codes_of(rows: pa.RecordBatch, books: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the codes (books, positions) of each row.

    Raises
    ------
    ValueError : for rows of another number of codebooks, or of codebooks that differ in length
    """
    outer = rows.column("codes")
    inner = outer.flatten()
    values = inner.flatten()
    if inner.null_count or values.null_count:
        raise ValueError("the column codes holds codes without a value")
    counts = pc.list_value_length(outer).to_numpy()
    if (counts != books).any():
        raise ValueError(f"a row has codes of {counts[counts != books][0]} codebooks instead of {books}")
    lengths = pc.list_value_length(inner).to_numpy().reshape(len(rows), books)
    if (lengths != lengths[:, :1]).any():
        raise ValueError("the codebooks of a row differ in length")
    content, ends = values.to_numpy(), np.cumsum(lengths.sum(1))
    for end, each in zip(ends, lengths, strict=True):
        yield np.array(content[end - each.sum() : end], np.int64).reshape(books, each[0] if books else 0)


def nested(codes: Sequence[npt.NDArray[np.int64]]) -> pa.Array:
    """Convert (codebooks, frames) arrays to Arrow list<list<int32>>, without Python objects."""

    def offsets(sizes: list[int]) -> Any:
        return pa.array(np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]), pa.int32())

    books = [book for item in codes for book in item]
    flat = np.concatenate(books).astype(np.int32) if books else np.zeros(0, np.int32)
    inner = pa.ListArray.from_arrays(offsets([len(book) for book in books]), pa.array(flat))
    return pa.ListArray.from_arrays(offsets([len(item) for item in codes]), inner)


def _normal(rows: pa.Table) -> pa.Table:
    """Return the known columns in the types that checks and checksums are made on."""
    columns = {}
    for name, kind in _TYPES.items():
        if name not in rows.column_names:
            continue
        given = rows[name].type
        if not _is_like(given, kind):
            raise ValueError(f"its column {name} is of type {given}")
        columns[name] = rows[name].cast(kind)
    return pa.table(columns)


def _is_like(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether a column is of a type, or of one that differs in size only."""
    if pa.types.is_large_list(wanted):
        is_list = pa.types.is_list(given) or pa.types.is_large_list(given)
        return is_list and _is_like(given.value_type, wanted.value_type)
    if pa.types.is_integer(wanted):
        return bool(pa.types.is_integer(given))
    inner = given.value_type if pa.types.is_dictionary(given) else given
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner))


def _footer(file: BinaryIO) -> int:
    """Return the position of the footer of a Parquet file; raise ValueError for another file."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    ending = file.read()
    start = size - 8 - int.from_bytes(ending[:4], "little")
    if ending[4:] != b"PAR1" or start < 4:
        raise ValueError("it is not a Parquet file, or cut short")
    return start


def _digest(file: BinaryIO, stop: int, start: int) -> bytes:
    """Return the checksum of the bytes before `stop` and from `start` on."""
    checksum, left = hashlib.sha256(), stop
    file.seek(0)
    while left and (block := file.read(min(left, 2**20))):
        checksum.update(block)
        left -= len(block)
    file.seek(start)
    checksum.update(file.read())
    return checksum.digest()
