"""Write files and directories atomically."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any

from vqspeech.temporary import temporary_file, temporary_folder


@contextmanager
def whole_file(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Open a temporary file that replaces `path` at the end, or is removed after an error.

    Missing folders are created. A process killed in the block leaves a hidden temporary file, which the next call for
    the same path removes, and nothing at `path`; see `vqspeech.temporary`.

    Parameters
    ----------
    path : the file to create or replace
    sync : wait until the content is on the disk, so that it survives a power cut
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_file(path) as partial:
        yield partial
        if sync:
            to_disk(partial)
        partial.replace(path)
        if sync:
            to_disk(path.parent)


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


Ours = Callable[[str], bool]
"""Tells from a path relative to a folder, with ``/``, whether vqspeech made that file; others are never deleted."""


@contextmanager
def whole_directory(path: Path, *, ours: Ours | None = None, sync: bool = False) -> Iterator[Path]:
    """Create a temporary directory that replaces `path` at the end, or is removed after an error.

    An existing directory is replaced at the end, and kept when the block fails. A process killed in the block leaves a
    hidden directory, which the next call for the same path removes; see `vqspeech.temporary`.

    Parameters
    ----------
    path : the directory to create or replace
    ours : files of an existing directory that it rejects are moved to the new one; None for a directory whose files
        are all of vqspeech
    sync : wait until the directory and the files in it are on the disk, so that they survive a power cut
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path) as partial:
        yield partial
        if sync:
            for item in partial.rglob("*"):
                to_disk(item)
            to_disk(partial)
        put_in_place(partial, path, ours=ours)
        if sync:
            to_disk(path.parent)


def put_in_place(made: Path, path: Path, *, ours: Ours | None = None) -> None:
    """Rename a directory to `path` in the same folder, replacing an existing one; see `whole_directory`."""
    replaced = path.with_name(f".{path.name}.old")
    if replaced.exists() and not path.exists():
        # A process was killed between the two renamings below.
        replaced.rename(path)
    _discard(replaced, path, ours)
    try:
        if path.exists():
            path.rename(replaced)
        made.rename(path)
    finally:
        if replaced.exists() and not path.exists():
            replaced.rename(path)
        _discard(replaced, path, ours)


def _discard(replaced: Path, path: Path, ours: Ours | None) -> None:
    """Delete a replaced directory, after moving what is not ours from it to the same places below `path`."""
    for name in files_below(replaced):
        if ours is not None and not ours(name):
            target = free_path(path / name)
            target.parent.mkdir(parents=True, exist_ok=True)
            (replaced / name).rename(target)
    shutil.rmtree(replaced, ignore_errors=True)


def free_path(path: Path) -> Path:
    """Return a path under which there is nothing: this one, or it with the first free number."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(one for one in chain([path], numbered) if not os.path.lexists(one))


def files_below(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, relative to it and with ``/``; links are not followed."""
    found = []
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        found += [Path(parent, name).relative_to(folder).as_posix() for name in (*names, *links)]
    return sorted(found)


def to_disk(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
