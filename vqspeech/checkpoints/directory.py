"""A checkpoint directory: files with checksums, written atomically and verified before use."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from vqspeech.errors import InputError
from vqspeech.files import whole_directory
from vqspeech.untrusted import is_file_name, json_object, printable

CONFIG, WEIGHTS, TRAIN_STATE = "config.json", "model.safetensors", "train_state.pt"
"""Files of a checkpoint: its description, the weights to use, and the state of training."""

CHECKSUMS = "checksums.json"
"""The file of sha256 checksums."""

CARD, VOICES = "README.md", "voices.json"
"""Further files of a published model: its card, and speaker embeddings of its voices."""


FILES = frozenset({CONFIG, WEIGHTS, TRAIN_STATE, CHECKSUMS, CARD, VOICES})
"""All files of a checkpoint or a published model."""


def write(directory: Path, files: Mapping[str, bytes | memoryview], *, unchecked: Collection[str] = ()) -> None:
    """Write a directory of files atomically, whenever the process dies.

    Parameters
    ----------
    directory : the directory; an existing one is replaced
    files : name -> content
    unchecked : files without a checksum, which may be edited

    Raises
    ------
    InputError : when the disk is full or cannot be written; an existing directory is kept
    """
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name not in unchecked}
    try:
        # Files that somebody added to an earlier directory stay.
        ours = FILES | files.keys() | _named(directory) | _named(directory.with_name(f".{directory.name}.old"))
        with whole_directory(directory, ours=ours.__contains__, sync=True) as partial:
            for name, content in {**files, CHECKSUMS: (json.dumps(sums, indent=1) + "\n").encode()}.items():
                (partial / name).write_bytes(content)
    except OSError as error:
        raise InputError(
            f"cannot write the checkpoint {directory}: {error.strerror or error}; earlier ones are kept. Free some "
            "space or choose another folder, and repeat the command to continue"
        ) from error


def _named(directory: Path) -> set[str]:
    """Return the names in a directory's list of checksums; none where there is none to read."""
    try:
        return set(json.loads((directory / CHECKSUMS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return set()


def damage(directory: Path, names: Iterable[str] | None = None) -> str | None:
    """Find the first damaged file of a directory; None if intact or without checksums.

    Parameters
    ----------
    directory : a directory that `write` wrote
    names : files to check, where they have a checksum; None for all that have one
    """
    path = directory / CHECKSUMS
    if not path.exists():
        return None
    try:
        sums = json_object(_regular(path).read_bytes())
    except (OSError, ValueError) as error:
        return f"{CHECKSUMS} cannot be read: {error}"
    for name in sums if names is None else names:
        if names is not None and name not in sums:
            continue
        try:
            if not is_file_name(name):
                return f"{CHECKSUMS} names {printable(name)!r}, which is no file of a checkpoint"
            with _regular(directory / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return f"{name}: {error.strerror or error}"
        if digest != sums[name]:
            return f"{name} is damaged: its checksum differs from the one written with it"
    return None


def _regular(path: Path) -> Path:
    """Return the path of a file; raise OSError for a device or a pipe, which may never end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a file")
    return path
