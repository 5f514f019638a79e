"""Units as arrays: Parquet of vqspeech or of others, and NumPy archives."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech.codes import CodeTable
from vqspeech.codes_parquet import FACTS, MOST_BYTES_PER_BYTE
from vqspeech.units.sequences import NAMES, SEQUENCES, UnitFile, collected


def of_parquet(path: Path) -> UnitFile:
    """Read a table of `vqspeech encode`, which states its rate, or a column of names and one of lists of units.

    Raises
    ------
    InputError : for a damaged table of vqspeech
    ValueError, OSError : for other content
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        if FACTS in (schema.metadata or {}):
            return _of_table(path)
        name, sequence = _column(schema.names, NAMES), _column(schema.names, SEQUENCES)
        return collected(path, _rows(path, name, sequence))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def of_npz(path: Path) -> UnitFile:
    """Read an archive of ``numpy.savez``: names -> (frames,) or (codebooks, frames).

    Raises
    ------
    ValueError, OSError : for other content
    """
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(one.file_size for one in file.infolist())
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error
    _limit(size, path)
    with np.load(path, allow_pickle=False) as arrays:
        return collected(path, ((name, np.atleast_1d(arrays[name])) for name in arrays.files))


def _of_table(path: Path) -> UnitFile:
    table = CodeTable.read(path)
    if table.modality != "audio" or not table.hop_samples:
        raise ValueError(f"its codes are of {table.modality}, not of audio")
    return UnitFile(
        path=path,
        units={row.id: row.codes for row in table},
        codebook_sizes=table.codebook_sizes,
        rate_hz=Fraction(table.sample_rate, table.hop_samples),
        recordings={row.id: row.path for row in table if row.path},
    )


def _rows(path: Path, name: str, sequence: str) -> Iterator[tuple[str, np.ndarray]]:
    import pyarrow.parquet as pq

    size = 0
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(1024, columns=[name, sequence]):
            size += batch.nbytes
            _limit(size, path)
            rows: Any = zip(batch.column(name).to_pylist(), batch.column(sequence).to_pylist(), strict=True)
            for key, units in rows:
                if not isinstance(key, str) or not isinstance(units, list):
                    raise ValueError(f"the columns {name} and {sequence} hold no texts and lists in every row")
                yield key, _array(units, key)


def _array(units: list[Any], name: str) -> np.ndarray:
    try:
        return np.array(units) if units else np.zeros(0, np.int64)
    except ValueError as error:
        raise ValueError(f"the codebooks of {name!r} differ in length") from error


def _column(found: list[str], known: tuple[str, ...]) -> str:
    for name in known:
        if name in found:
            return name
    raise ValueError(f"it has the columns {', '.join(found)}; one of {', '.join(known)} is needed")


def _limit(size: int, path: Path) -> None:
    given = path.stat().st_size
    if size > 2**24 + MOST_BYTES_PER_BYTE * given:
        raise ValueError(f"its {given} bytes stand for {size}")
