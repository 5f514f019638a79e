"""The files of one array of a store of rows: written entry by entry, mapped when read."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech import untrusted

_NUMBERS = re.compile(r"[<>|=]?[biufc]\d{1,2}")
"""Codes of the dtypes of arrays."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """An array whose entries differ in length.

    Parameters
    ----------
    values : (positions, ...), the entries one after the other
    ends : (rows,) int64, where each entry ends
    """

    values: npt.NDArray[Any]
    ends: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, row: int) -> npt.NDArray[Any]:
        """Return the entry (length, ...) of a row, a view."""
        return self.values[int(self.ends[row - 1]) if row else 0 : int(self.ends[row])]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(rows,) lengths of the entries."""
        return np.diff(self.ends, prepend=0)


class ArrayFiles:
    """Writes the files of one array.

    Parameters
    ----------
    directory : folder of the store
    name : of the array
    varies : whether entries differ in length
    """

    def __init__(self, directory: Path, name: str, *, varies: bool) -> None:
        self.name, self.directory, self.varies = name, directory, varies
        self.file = (directory / f"{name}.bin").open("wb")
        self.digest = hashlib.sha256()
        self.kind: tuple[np.dtype[Any], tuple[int, ...]] | None = None
        self.lengths: list[int] = []

    def add(self, values: npt.NDArray[Any] | list[Any]) -> None:
        """Write entries; ValueError for another dtype or shape than before."""
        if self.varies:
            self.lengths += [len(entry) for entry in values]
        for block in values if isinstance(values, list) else [values]:
            block = np.ascontiguousarray(block)
            kind = block.dtype, block.shape[1:]
            if self.kind is None:
                self.kind = kind
            if kind != self.kind:
                raise ValueError(f"{self.name}: {kind[0]} {kind[1]} among {self.kind[0]} {self.kind[1]}")
            self.digest.update(block.tobytes())
            self.file.write(block.tobytes())

    def finish(self) -> dict[str, Any]:
        """Close the files; return the description of the array as JSON values."""
        self.file.close()
        if self.varies:
            ends = np.cumsum(self.lengths, dtype=np.int64).tobytes()
            (self.directory / f"{self.name}.ends.bin").write_bytes(ends)
            self.digest.update(ends)
        assert self.kind is not None
        dtype, shape = self.kind
        return {"dtype": dtype.str, "shape": list(shape), "varies": self.varies, "sha256": self.digest.hexdigest()}


def opened(directory: Path, name: str, rows: int, about: Mapping[str, Any]) -> npt.NDArray[Any] | Sequences:
    """Map the array that `ArrayFiles` wrote.

    Parameters
    ----------
    directory : folder of the store
    name : of the array
    rows : entries that it must have
    about : what `ArrayFiles.finish` returned, from a file that may be a stranger's

    Raises
    ------
    ValueError, KeyError, TypeError, OSError : when the files or their description are not such an array
    """
    if not untrusted.is_file_name(f"{name}.bin"):
        raise ValueError(f"the array {name!r} cannot be the name of a file")
    path, shape = directory / f"{name}.bin", untrusted.wholes(about["shape"], f"shape of {name}")
    code = untrusted.text(about["dtype"], f"dtype of {name}")
    # NumPy parses other texts as Python, and may raise anything.
    if not _NUMBERS.fullmatch(code):
        raise ValueError(f"{name} is of dtype {untrusted.printable(code[:40])!r}, not of numbers")
    dtype = np.dtype(code)
    if not about["varies"]:
        return _mapped(path, dtype, (rows, *shape))
    ends = np.fromfile(regular_file(directory / f"{name}.ends.bin"), np.int64)
    if len(ends) != rows:
        raise ValueError(f"{name}.ends.bin holds {len(ends)} entries for {rows} rows")
    if (np.diff(ends, prepend=0) < 0).any() or (ends < 0).any():
        raise ValueError(f"{name}.ends.bin does not ascend")
    return Sequences(_mapped(path, dtype, (int(ends[-1]) if rows else 0, *shape)), ends)


def _mapped(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    size = math.prod(shape) * dtype.itemsize
    if regular_file(path).stat().st_size != size:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes instead of {size}")
    # an empty file cannot be mapped
    return np.memmap(path, dtype, "r", shape=shape) if size else np.zeros(shape, dtype)


def regular_file(path: Path) -> Path:
    """Return the path of a file; raise ValueError for a device or a pipe, which may never end."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path.name} is not a file")
    return path
