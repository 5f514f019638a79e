"""Write files and directories atomically."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Open a temporary file that replaces `path` at the end, or is removed after an error.

    Missing folders are created. A process killed in the block leaves ``NAME.PID.tmp`` behind, and nothing at `path`.

    Parameters
    ----------
    path : the file to create or replace
    sync : wait until the content is on the disk, so that it survives a power cut
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield partial
        if sync:
            to_disk(partial)
        partial.replace(path)
        if sync:
            to_disk(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any, *, sync: bool = False) -> Path:
    """Write a value as JSON, atomically; return `path`.

    Parameters
    ----------
    path : the file to create or replace
    value : JSON values; numbers that are not finite become null, since JSON has none
    sync : see `whole_file`
    """
    with whole_file(path, sync=sync) as partial:
        partial.write_text(json.dumps(finite(value), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def finite(value: Any) -> Any:
    """Replace every non-finite number of a JSON value by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: finite(item) for name, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


@contextmanager
def whole_directory(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Create a temporary directory that replaces `path` at the end, or is removed after an error.

    An existing directory is replaced at the end, and kept when the block fails. A process killed in the block leaves
    ``.NAME.part`` behind, which the next call removes.

    Parameters
    ----------
    path : the directory to create or replace
    sync : wait until the directory and the files in it are on the disk, so that they survive a power cut
    """
    partial = path.with_name(f".{path.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        if sync:
            for item in partial.rglob("*"):
                to_disk(item)
            to_disk(partial)
        put_in_place(partial, path)
        if sync:
            to_disk(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def put_in_place(made: Path, path: Path) -> None:
    """Rename a directory to `path` in the same folder, replacing an existing one."""
    replaced = path.with_name(f".{path.name}.old")
    if replaced.exists() and not path.exists():
        # A process was killed between the two renamings below.
        replaced.rename(path)
    shutil.rmtree(replaced, ignore_errors=True)
    try:
        if path.exists():
            path.rename(replaced)
        made.rename(path)
    finally:
        if replaced.exists() and not path.exists():
            replaced.rename(path)
        shutil.rmtree(replaced, ignore_errors=True)


def to_disk(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
