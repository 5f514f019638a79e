"""The index of an audio store: a row per utterance in a memory-mapped Arrow file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.corpora.base import SPLITS, Split

_PHONE = pa.struct([("start_s", pa.float64()), ("end_s", pa.float64()), ("label", pa.string())])

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("path", pa.string()),
        ("speaker", pa.string()),
        ("text", pa.string()),
        ("split", pa.string()),
        ("start_sample", pa.int64()),
        ("n_samples", pa.int64()),
        ("phones", pa.list_(_PHONE)),
    ]
)
"""Columns of an index; each record batch holds the rows of one shard."""


@dataclass(frozen=True, kw_only=True)
class StoredUtterance:
    """An `Utterance` and the position of its samples in a shard."""

    id: str
    path: Path
    speaker: str
    text: str | None
    split: Split
    start_sample: int
    n_samples: int
    alignment: Alignment | None


class StoredRows(Sequence[StoredUtterance]):
    """The rows of an index, created on access; columns that batches need are arrays.

    Parameters
    ----------
    path : Arrow file with the columns of `SCHEMA`
    speakers : speaker ids, sorted

    Raises
    ------
    pyarrow.ArrowException, OSError : not an index
    """

    def __init__(self, path: Path, speakers: Sequence[str]) -> None:
        self._reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if not self._reader.schema.equals(SCHEMA):
            raise pa.ArrowInvalid(f"{path.name} has other columns: {', '.join(self._reader.schema.names)}")
        self._speakers = tuple(speakers)
        batches = list(self._batches())
        self.batch_ends = np.cumsum([len(batch) for batch in batches], dtype=np.int64)
        self.starts = _gather((batch["start_sample"] for batch in batches), np.int64)
        self.lengths = _gather((batch["n_samples"] for batch in batches), np.int64)

    @cached_property
    def speaker_numbers(self) -> npt.NDArray[np.int32]:
        """(rows,) index of each row's speaker among the store's speakers."""
        known = pa.array(self._speakers, pa.string())
        return _gather((pc.index_in(batch["speaker"], value_set=known) for batch in self._batches()), np.int32)

    @cached_property
    def splits(self) -> npt.NDArray[np.int8]:
        """(rows,) index of each row's split in `SPLITS`."""
        known = pa.array(SPLITS, pa.string())
        return _gather((pc.index_in(batch["split"], value_set=known) for batch in self._batches()), np.int8)

    def position(self, utterance: str) -> int | None:
        """Return the position of an id, or None."""
        first = 0
        for batch in self._batches():
            place = pc.index(batch["id"], utterance).as_py()
            if place >= 0:
                return int(first + place)
            first += len(batch)
        return None

    def ids(self) -> Iterator[str]:
        """Return the ids of all rows."""
        for batch in self._batches():
            yield from batch["id"].to_pylist()

    def shard(self, index: int) -> int:
        """Return the record batch of a row, which is its shard."""
        return bisect_right(self.batch_ends, index)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> StoredUtterance: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[StoredUtterance, ...]: ...
    def __getitem__(self, index: int | slice) -> StoredUtterance | tuple[StoredUtterance, ...]:
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(len(self))))
        place = int(index) + (len(self) if index < 0 else 0)
        if not 0 <= place < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        number = self.shard(place)
        batch = self._reader.get_batch(number)
        (row,) = batch.slice(place - int(self.batch_ends[number]) + len(batch), 1).to_pylist()
        return _row(row)

    def __iter__(self) -> Iterator[StoredUtterance]:
        for batch in self._batches():
            yield from map(_row, batch.to_pylist())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        return (self._reader.get_batch(number) for number in range(self._reader.num_record_batches))


def write_index(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    """Write record batches as an index, one after the other."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_batch(path: Path) -> pa.RecordBatch:
    """Read the only record batch of an index."""
    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)


def _gather(arrays: Iterable[pa.Array], dtype: Any) -> npt.NDArray[Any]:
    pieces = [array.to_numpy(zero_copy_only=False).astype(dtype, copy=False) for array in arrays]
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype)


def _row(row: dict[str, Any]) -> StoredUtterance:
    phones = row.pop("phones")
    alignment = None
    if phones is not None:
        alignment = Alignment(tuple(Interval(phone["start_s"], phone["end_s"], phone["label"]) for phone in phones))
    return StoredUtterance(**{**row, "path": Path(row["path"])}, alignment=alignment)
