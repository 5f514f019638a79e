"""Faults of a disk, and kills, at every file operation in turn."""

from __future__ import annotations

import builtins
import io
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPERATIONS = ("open", "replace", "rename", "mkdir", "fsync")
"""Functions of `os` that fail; clearing up afterwards does not, or nobody could."""


class Faults:
    """Counts the file operations that write below a folder; the one of number `at` does not happen.

    Parameters
    ----------
    root : the folder
    at : number of the operation, from 0
    error : errno of the OSError that it raises; None kills this process instead
    """

    def __init__(self, root: Path, at: int, error: int | None) -> None:
        self.root, self.at, self.error, self.count = str(root), at, error, 0

    def check(self, path: object) -> None:
        if isinstance(path, int) or not os.fsdecode(path).startswith(self.root):
            return
        self.count += 1
        if self.count - 1 != self.at:
            return
        if self.error is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            raise OSError(self.error, os.strerror(self.error), os.fsdecode(path))

    @property
    def struck(self) -> bool:
        return self.count > self.at


@contextmanager
def faults(root: Path, at: int, error: int | None) -> Iterator[Faults]:
    """Let one operation fail within the block; see `Faults`."""
    found = Faults(root, at, error)
    saved = {name: getattr(os, name) for name in OPERATIONS}
    opened = builtins.open

    def failing(original):
        def call(path, *args, **options):
            found.check(path)
            return original(path, *args, **options)

        return call

    def open_file(path, mode="r", *args, **options):
        if set(mode) & set("wax+"):
            found.check(path)
        return opened(path, mode, *args, **options)

    def os_open(path, flags, *args, **options):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            found.check(path)
        return saved["open"](path, flags, *args, **options)

    try:
        for name in OPERATIONS:
            setattr(os, name, os_open if name == "open" else failing(saved[name]))
        builtins.open = io.open = open_file
        yield found
    finally:
        for name, original in saved.items():
            setattr(os, name, original)
        builtins.open = io.open = opened
