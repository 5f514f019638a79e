"""Claims of files that a command is about to write: of two processes that write the same ones, one works.

A claim is a hidden file in the folder of the targets. Its process locks it for as long as it works, so that a killed
process claims nothing, and the next one deletes its file. Systems without ``flock`` have no claims.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from vqspeech import untrusted
from vqspeech.errors import InputError
from vqspeech.temporary import clear_left, lock, temporary_file

_CLAIM = "vqspeech-writes"


@contextmanager
def claimed(targets: Iterable[Path]) -> Iterator[None]:
    """Keep other processes from writing some files or folders within the block.

    Folders of the targets are made when they are missing, and removed again when they stay empty.

    Parameters
    ----------
    targets : files and folders to write; processes with other targets may work in the same folders

    Raises
    ------
    InputError : when another process writes one of them, or a folder cannot be written
    """
    names: dict[Path, set[str]] = {}
    for target in targets:
        path = Path(os.path.abspath(target))
        names.setdefault(Path(os.path.realpath(path.parent)), set()).add(path.name)
    with ExitStack() as stack:
        for folder in sorted(names):
            stack.enter_context(_claimed(folder, names[folder]))
        yield


@contextmanager
def _claimed(folder: Path, names: set[str]) -> Iterator[None]:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    with ExitStack() as stack:
        # Folders that were made for the claim only.
        stack.callback(_remove_empty, missing)
        try:
            _claim(folder, names, stack)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"cannot write to {folder}: {reason}; choose another folder or free some space") from error
        yield


def _claim(folder: Path, names: set[str], stack: ExitStack) -> None:
    """Claim names of a folder until the stack ends."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        # Another process removes the folder that it made when it has written nothing there.
        with suppress(FileNotFoundError), _alone(folder) as locks:
            if locks and (taken := _taken(folder, names)):
                raise InputError(f"{taken}; wait until it ends, or give another --out")
            claim = stack.enter_context(temporary_file(folder / _CLAIM))
            content = {"process": os.getpid(), "host": socket.gethostname(), "names": sorted(names)}
            claim.write_text(json.dumps(content), encoding="utf-8")
            return


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Keep other processes from claiming in a folder within the block; yield whether that is possible."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield lock(handle, wait=True) is True
    finally:
        os.close(handle)


def _taken(folder: Path, names: set[str]) -> str | None:
    """Say which process writes one of the names; None when nobody does."""
    for path in clear_left(folder / _CLAIM):
        try:
            claim = untrusted.json_object(path.read_bytes())
            theirs = names & set(untrusted.texts(claim["names"], "names"))
            process = untrusted.whole(claim["process"], "process")
            host = untrusted.text(claim["host"], "host")
        except (OSError, ValueError, KeyError):
            # It has ended since, or is no claim.
            continue
        if theirs:
            return f"process {process} on {untrusted.printable(host)} writes {folder / min(theirs)}"
    return None


def _remove_empty(folders: list[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
