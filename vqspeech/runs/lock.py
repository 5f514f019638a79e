"""The lock of a run directory: one job at a time works in it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from vqspeech.errors import InputError
from vqspeech.runs.directory import RunDirectory

_held: dict[Path, int] = {}
"""Run directories that this process has locked -> number of `locked` blocks that it is in."""


class RunInUseError(InputError):
    """Another job works in the run directory (exit code 2)."""


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Keep other jobs out of a run directory within the block.

    The operating system keeps the lock for the process, so one that is killed leaves none. Blocks of the same process
    may be nested, as a recipe's and its training's are. Of the processes of a job, the first locks for all. Systems
    without ``flock`` have no lock.

    Parameters
    ----------
    run : the run directory, made when it is missing

    Raises
    ------
    RunInUseError : when another process has locked it
    InputError : when it is a file, cannot be written, or holds another program's file of the lock's name
    """
    run = Path(os.path.abspath(run))
    if run.is_file():
        raise InputError(f"{run} is a file; give a directory as --out")
    if run in _held:
        _held[run] += 1
        try:
            yield
        finally:
            _held[run] -= 1
        return
    missing = [folder for folder in (run, *run.parents) if not folder.exists()]
    path = RunDirectory(run).lock
    file = _acquire(run, path)
    _held[run] = 1
    try:
        yield
    finally:
        del _held[run]
        # Removed while locked: a process that has opened it cannot lock it, or finds that it lost its name.
        path.unlink(missing_ok=True)
        file.close()
        # Folders that were made for the lock only.
        with suppress(OSError):
            for folder in missing:
                folder.rmdir()


def _acquire(run: Path, path: Path) -> IO[str]:
    """Open and lock the file of the lock, and write there who has it."""
    while True:
        try:
            run.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="utf-8", errors="replace")
        except OSError as error:
            raise InputError(f"cannot write to the run directory {run}: {error.strerror or error}") from error
        if not _lock(file):
            file.seek(0)
            holder = _holder(file.read())
            file.close()
            raise RunInUseError(f"{run} is in use by {holder}; wait until that ends, or give another directory")
        if _is_current(file, path):
            break
        file.close()
    file.seek(0)
    if (text := file.read()) and not _is_ours(text):
        file.close()
        raise InputError(f"{path} exists and is no lock of vqspeech; move it away or give another --out")
    file.truncate(0)
    json.dump({"process": os.getpid(), "host": socket.gethostname()}, file)
    file.flush()
    return file


def _lock(file: IO[str]) -> bool:
    """Lock an open file; False when another process has locked it."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks.
        return True
    return True


def _is_current(file: IO[str], path: Path) -> bool:
    """Return whether an open lock file still exists under its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _is_ours(text: str) -> bool:
    try:
        return {"process", "host"} == set(json.loads(text))
    except (ValueError, TypeError):
        return False


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"process {holder['process']} on {holder['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
