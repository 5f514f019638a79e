"""Temporary files and folders beside their target; those of processes that died are cleared by the next one.

A process locks what it makes here for as long as it lives. What nobody has locked is left from a killed process.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vqspeech.names import cut

_LONGEST = 200
"""Bytes of the target's name in a temporary name, which must fit in a file name with its marks."""

_HIDDEN = re.compile(r"\.[0-9a-z_]{8}\.tmp|\.[0-9a-f]{8}\.part|\.part")
_PLAIN = re.compile(r"\.\d+\.tmp")
"""Endings of temporary names, hidden and not; the last of each are those of earlier versions."""


@contextmanager
def temporary_file(target: Path) -> Iterator[Path]:
    """Make an empty file ``.NAME.XXXXXXXX.tmp`` in the folder of `target`; it is deleted unless renamed.

    Temporary files of the same target that killed processes left are deleted first.
    """
    clear_left(target)
    path, handle = _make(target, "tmp")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """Make a folder ``.NAME.XXXXXXXX.part`` beside `target`; see `temporary_file`."""
    clear_left(target)
    path, handle = _make(target, "part")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def left_of(target: Path) -> list[Path]:
    """Return temporary files and folders of a target, of living processes and others."""
    stem = _stem(target)
    try:
        with os.scandir(target.parent) as entries:
            names = [entry.name for entry in entries if entry.name.startswith((f".{stem}.", f"{stem}."))]
    except OSError:
        return []
    hidden, plain = f".{stem}", stem
    return sorted(
        target.with_name(name)
        for name in names
        if (name.startswith(hidden) and _HIDDEN.fullmatch(name[len(hidden) :]))
        or (name.startswith(plain) and _PLAIN.fullmatch(name[len(plain) :]))
    )


def clear_left(target: Path) -> list[Path]:
    """Delete the temporary files and folders of a target that no living process owns; return those that one owns."""
    living = []
    for path in left_of(target):
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError:
            continue
        try:
            if lock(handle) is not True:
                living.append(path)
            elif path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        finally:
            os.close(handle)
    return living


def lock(handle: int, *, shared: bool = False, wait: bool = False) -> bool | None:
    """Lock an open file or folder; False when another process has locked it, None where there are no locks.

    Parameters
    ----------
    handle : of the file or folder
    shared : whether others may lock it as well, in the same way
    wait : wait for another process instead
    """
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks.
        return None
    return True


def _make(target: Path, kind: str) -> tuple[Path, int]:
    while True:
        path = target.with_name(f".{_stem(target)}.{secrets.token_hex(4)}.{kind}")
        try:
            if kind == "part":
                path.mkdir(parents=True)
                handle = os.open(path, os.O_RDONLY)
            else:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        # Another process may have cleared it before it was locked.
        if lock(handle) is not False and _is(handle, path):
            return path, handle
        os.close(handle)


def _is(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _stem(target: Path) -> str:
    return cut(target.name, _LONGEST)
