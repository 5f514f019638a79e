"""Stores of rows of any kind of data: a folder of memory-mapped arrays.

A store is a folder, written under a temporary name and renamed when whole:

- ``NAME.bin`` for each array: its entries one after the other
- ``NAME.ends.bin`` for each array whose entries differ in length: (rows,) int64, where each entry ends
- ``splits.bin``: (rows,) uint8, places in `vqspeech.corpora.base.SPLITS`
- ``rows.json``: dtypes and shapes, the fingerprint, and facts about the corpus
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vqspeech import untrusted
from vqspeech.corpora.base import SPLITS, CorpusFacts, Split
from vqspeech.corpora.row_arrays import ArrayFiles, Sequences, opened, regular_file
from vqspeech.errors import CheckpointError, CorpusError, InputError
from vqspeech.files import whole_directory, write_json

FORMAT_VERSION = 1
HEADER, SPLIT_ARRAY = "rows.json", "splits"


@dataclass(frozen=True, kw_only=True, eq=False)
class RowStore:
    """Rows with a split each; open one with `RowStore.open`, make one with `RowWriter`.

    Parameters
    ----------
    directory : its path
    arrays : name -> array (rows, ...) or `Sequences`
    splits : (rows,) uint8, places in `vqspeech.corpora.base.SPLITS`
    corpus : facts about the corpus that the rows come from
    facts : further JSON values of the modality that made the store
    fingerprint : sha256 over arrays and splits; equal data has equal fingerprints wherever it lies
    """

    directory: Path
    arrays: Mapping[str, npt.NDArray[Any] | Sequences]
    splits: npt.NDArray[np.uint8]
    corpus: CorpusFacts
    fingerprint: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open a store; arrays are mapped, not read.

        Raises
        ------
        CheckpointError : when it is missing, torn, or of another format
        """
        try:
            header = untrusted.json_object(regular_file(directory / HEADER).read_bytes())
            if header["format"] != FORMAT_VERSION:
                raise ValueError(f"its format is {header['format']}, this release reads {FORMAT_VERSION}")
            rows = untrusted.whole(header["rows"], "rows")
            described = untrusted.table(header["arrays"], "arrays")
            arrays = {name: opened(directory, name, rows, about) for name, about in described.items()}
            corpus = header["corpus"]
            corpus = CorpusFacts(**{**corpus, "root": Path(corpus["root"]), "notes": tuple(corpus["notes"])})
            splits = arrays.pop(SPLIT_ARRAY)
            if not isinstance(splits, np.ndarray) or splits.dtype != np.uint8 or splits.shape != (rows,):
                raise ValueError(f"{SPLIT_ARRAY} is not an array of {rows} bytes")
            if (splits >= len(SPLITS)).any():
                raise ValueError(f"{SPLIT_ARRAY} names a split that does not exist")
            store = cls(
                directory=directory,
                arrays=arrays,
                splits=splits,
                corpus=corpus,
                fingerprint=untrusted.text(header["fingerprint"], "fingerprint"),
                facts=untrusted.table(header["facts"], "facts"),
            )
            store.check()
            return store
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"the prepared data in {directory} cannot be read: {error}; delete that folder to prepare it again"
            ) from error

    def check(self) -> None:
        """Check facts and arrays when a store is opened; subclasses raise ValueError, KeyError or TypeError."""

    def __len__(self) -> int:
        return len(self.splits)

    def indices(self, split: Split) -> npt.NDArray[np.int64]:
        """Find the rows of a split."""
        return np.flatnonzero(self.splits == SPLITS.index(split))

    def held_out(self) -> tuple[Split, npt.NDArray[np.int64]]:
        """Find the rows to evaluate on and their split: test, else validation, else training.

        Raises
        ------
        CorpusError : when there are no rows
        """
        for split in ("test", "valid", "train"):
            rows = self.indices(split)
            if len(rows):
                return split, rows
        raise CorpusError(f"{self.directory} holds no rows")


class RowWriter:
    """Writes the arrays of a `RowStore` block by block; see `write_rows`.

    Parameters
    ----------
    directory : an empty folder
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.rows = 0
        self.trains = False
        self._arrays: dict[str, ArrayFiles] = {}

    def add(self, splits: Sequence[int] | npt.NDArray[np.uint8], **arrays: npt.NDArray[Any] | list[Any]) -> None:
        """Add rows.

        Parameters
        ----------
        splits : (rows,) places in `vqspeech.corpora.base.SPLITS`
        arrays : name -> array (rows, ...), or list of arrays (length, ...) of differing lengths; always the same names

        Raises
        ------
        ValueError : for arrays of another number of rows, dtype or shape than before
        """
        splits = np.asarray(splits, dtype=np.uint8)
        arrays = {SPLIT_ARRAY: splits, **arrays}
        if self._arrays and arrays.keys() != self._arrays.keys():
            raise ValueError(f"rows of {sorted(arrays)} among rows of {sorted(self._arrays)}")
        for name, values in arrays.items():
            if len(values) != len(splits):
                raise ValueError(f"{name}: {len(values)} entries for {len(splits)} rows")
            if name not in self._arrays:
                self._arrays[name] = ArrayFiles(self.directory, name, varies=isinstance(values, list))
            self._arrays[name].add(values)
        self.rows += len(splits)
        self.trains |= bool((splits == SPLITS.index("train")).any())

    def finish(self, corpus: CorpusFacts, facts: Mapping[str, Any] | None = None) -> None:
        """Write the header, which makes the store complete.

        Parameters
        ----------
        corpus : origin of the rows
        facts : further JSON values, for `RowStore.facts`

        Raises
        ------
        CorpusError : when there are no training rows
        """
        if not self.trains:
            raise CorpusError(f"{corpus.root}: none of {self.rows} rows is in the training split")
        arrays = {name: array.finish() for name, array in self._arrays.items()}
        header = {
            "format": FORMAT_VERSION,
            "rows": self.rows,
            "arrays": arrays,
            "fingerprint": hashlib.sha256(json.dumps(arrays, sort_keys=True).encode()).hexdigest(),
            "corpus": {**dataclasses.asdict(corpus), "root": str(corpus.root)},
            "facts": dict(facts or {}),
        }
        write_json(self.directory / HEADER, header)

    def close(self) -> None:
        """Close the files of an unfinished store."""
        for array in self._arrays.values():
            array.file.close()


@contextmanager
def write_rows(directory: Path) -> Iterator[RowWriter]:
    """Write a store, whole or not at all.

    >>> with write_rows(directory) as writer:
    ...     writer.add(splits, pixels=pixels, labels=labels)
    ...     writer.finish(corpus, {"class_names": names})
    >>> store = RowStore.open(directory)

    Parameters
    ----------
    directory : directory to create or replace

    Raises
    ------
    InputError : when the disk is full or cannot be written
    """
    try:
        with whole_directory(directory) as partial:
            writer = RowWriter(partial)
            try:
                yield writer
            finally:
                writer.close()
    except OSError as error:
        raise InputError(f"cannot write the prepared data to {directory}: {error.strerror or error}") from error
