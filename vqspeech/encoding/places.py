"""Where a table of codes and its parts are written, and which files there are of vqspeech."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vqspeech.errors import InputError
from vqspeech.temporary import clear_left, lock

_PART = re.compile(r"part-\d{5,}-of-\d{5,}\.parquet")
_MARK = ".vqspeech-encode"
"""File of a folder whose parts are all of vqspeech; processes that work there lock it."""


@dataclass(frozen=True)
class Places:
    """Paths of a bulk encoding.

    Parameters
    ----------
    table : file of the merged table
    folder : folder of its parts
    """

    table: Path
    folder: Path

    @classmethod
    def of(cls, out: Path) -> Places:
        """Return the paths for ``--out``: a ``.parquet`` file, or a folder.

        Raises
        ------
        InputError : when there is a folder of the file's name, or a file of the folder's
        """
        if out.suffix == ".parquet":
            if out.is_dir():
                raise InputError(f"{out} is a folder; choose another --out")
            return cls(out, out.with_name(f"{out.name}.parts"))
        if out.exists() and not out.is_dir():
            raise InputError(f"{out} is a file; --out takes the name of a .parquet file, or a folder")
        return cls(out / "codes.parquet", out / "parts")

    @contextmanager
    def claimed(self, *, alone: bool) -> Iterator[None]:
        """Keep other processes out of the folder of parts within the block; remove it after that when it is empty.

        Parameters
        ----------
        alone : whether no other process may work there; shards work there together

        Raises
        ------
        InputError : when another process encodes there, or a file of a part's name is not of vqspeech
        OSError : when the folder cannot be made
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file, and parts are to be written there; choose another --out")
        if not (self.folder / _MARK).exists():
            for path in self._parts():
                require_table(path)
        handle = self._lock(shared=not alone)
        try:
            yield
        finally:
            # Without other processes the lock can be had alone.
            if not self._parts() and lock(handle) is not False:
                (self.folder / _MARK).unlink(missing_ok=True)
            os.close(handle)
            with suppress(OSError):
                self.folder.rmdir()

    def _lock(self, *, shared: bool) -> int:
        path = self.folder / _MARK
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:
                # The last shard has just removed the folder.
                continue
            if lock(handle, shared=shared) is False:
                os.close(handle)
                raise InputError(f"another process encodes to {self.table}; wait until it ends, or give another --out")
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), path.stat()):
                    return handle
            os.close(handle)

    def remove_parts(self) -> None:
        """Delete the parts in the folder, and what killed processes left of them; other files stay."""
        for path in self._parts():
            if is_table(path):
                clear_left(path)
                path.unlink()

    def _parts(self) -> list[Path]:
        return [path for path in self.folder.glob("part-*") if _PART.fullmatch(path.name)]


def is_table(path: Path) -> bool:
    """Return whether a file is a table of codes, by its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return b"vqspeech" in (pq.read_schema(path).metadata or {})
    except (OSError, pa.ArrowException, ValueError):
        return False


def require_table(path: Path) -> None:
    """Check that writing a table of codes does not lose another file.

    Raises
    ------
    InputError : when there is something else under the name
    """
    if os.path.lexists(path) and not is_table(path):
        raise InputError(
            f"{path} exists and is no table of codes, or a damaged one; move it away or choose another --out"
        )
