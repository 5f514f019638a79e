"""A checkpoint as a directory of files with their checksums: written whole or not at all, and checked before it is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from vqspeech.errors import InputError
from vqspeech.files import whole_directory

CONFIG, WEIGHTS, TRAIN_STATE = "config.json", "model.safetensors", "train_state.pt"
"""Files of a checkpoint: what it is, the weights to use, and what training needs to go on."""

CHECKSUMS = "checksums.json"
"""The file beside the others that holds the sha256 of each."""


def write(directory: Path, files: Mapping[str, bytes | memoryview]) -> None:
    """Write a directory of files under another name and rename it, so that it is there whole or not at all, whenever the process dies.

    Parameters
    ----------
    directory : to write; an existing one of that name is replaced
    files : name -> content

    Raises
    ------
    InputError : when the disk is full or refuses; nothing is left behind, and an existing directory stays
    """
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    try:
        with whole_directory(directory, sync=True) as partial:
            for name, content in {**files, CHECKSUMS: (json.dumps(sums, indent=1) + "\n").encode()}.items():
                (partial / name).write_bytes(content)
    except OSError as error:
        raise InputError(
            f"cannot write the checkpoint {directory}: {error.strerror or error}; the ones before it are kept. Free some space or "
            "choose another folder, and run the same command again to go on"
        ) from error


def damage(directory: Path, names: Iterable[str] | None = None) -> str | None:
    """What is wrong with the files of a directory; None when each is as it was written, or was written before there were checksums.

    Parameters
    ----------
    directory : what `write` wrote
    names : files to check; None for all
    """
    path = directory / CHECKSUMS
    if not path.exists():
        return None
    try:
        sums = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        return f"{CHECKSUMS} cannot be read: {error}"
    for name in sums if names is None else names:
        try:
            with (directory / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return f"{name}: {error.strerror or error}"
        if found != sums.get(name):
            return f"{name} is damaged: its checksum is not the one that it was written with"
    return None
