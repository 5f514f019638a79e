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
from vqspeech.untrusted import is_file_name

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
    shards : utterances and samples of each shard

    Raises
    ------
    pyarrow.ArrowException, OSError : not an index
    ValueError : an index with values that this store cannot have
    """

    def __init__(self, path: Path, speakers: Sequence[str], shards: Sequence[tuple[int, int]]) -> None:
        self._reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if not self._reader.schema.equals(SCHEMA):
            raise pa.ArrowInvalid(f"{path.name} has other columns: {', '.join(self._reader.schema.names)}")
        self._speakers = tuple(speakers)
        if self._reader.num_record_batches != len(shards):
            raise ValueError(f"it has {self._reader.num_record_batches} batches for {len(shards)} shards")
        batches = list(self._batches())
        for number, (batch, (utterances, samples)) in enumerate(zip(batches, shards, strict=True)):
            # Arrow trusts the offsets in a file, and reads whatever memory they point to.
            batch.validate(full=True)
            _require_rows(batch, self._speakers, f"shard {number}", utterances, samples)
        if len(set(self.ids())) < sum(map(len, batches)):
            raise ValueError("several utterances have the same id")
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


def _require_rows(batch: pa.RecordBatch, speakers: Sequence[str], shard: str, utterances: int, samples: int) -> None:
    """Raise ValueError for rows that are not those of a shard: missing values, unknown names, samples beyond it."""
    if len(batch) != utterances:
        raise ValueError(f"{shard} has {len(batch)} utterances instead of {utterances}")
    for name in ("id", "path", "speaker", "split", "start_sample", "n_samples"):
        if batch[name].null_count:
            raise ValueError(f"{shard} has utterances without {name}")
    for name, known in (("speaker", speakers), ("split", SPLITS)):
        if pc.index_in(batch[name], value_set=pa.array(known, pa.string())).null_count:
            raise ValueError(f"{shard} has a {name} that the store does not know")
    for name in batch["id"].to_pylist():
        if not is_file_name(name):
            raise ValueError(f"{shard} has the id {name!r}, which cannot be the name of a file")
    start, count = (batch[name].to_numpy() for name in ("start_sample", "n_samples"))
    if ((start < 0) | (count < 0) | (start > samples) | (count > samples - start)).any():
        raise ValueError(f"{shard} has utterances beyond its {samples} samples")
    phones = batch["phones"].flatten()
    if phones.null_count or any(phones.field(place).null_count for place in range(phones.type.num_fields)):
        raise ValueError(f"{shard} has phones without a value")
    if not all(np.isfinite(phones.field(place).to_numpy()).all() for place in range(2)):
        raise ValueError(f"{shard} has phones at times that are not finite")


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
