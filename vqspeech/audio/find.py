"""Find audio files in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from vqspeech.errors import InputError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".sph")
"""File name endings that count as audio when folders are searched; case does not matter."""


def find_audio(paths: Iterable[str | Path]) -> list[Path]:
    """Find audio files in files and folders; sorted, without duplicates.

    Files are accepted whatever their name; folders are searched recursively for `AUDIO_SUFFIXES`, except hidden files.

    Raises
    ------
    InputError : a path that does not exist, or no audio at all
    """
    given = [Path(path) for path in paths]
    audio_files: set[Path] = set()
    for path in given:
        if path.is_dir():
            audio_files.update(audio_below(path))
        elif path.exists():
            audio_files.add(path)
        else:
            raise InputError(f"{path}: no such file or folder")
    if not audio_files:
        raise InputError(
            f"no audio found in {', '.join(map(str, given)) or 'an empty list'}; "
            f"looked for *{', *'.join(AUDIO_SUFFIXES)}"
        )
    return sorted(audio_files)


def audio_below(folder: Path) -> list[Path]:
    """Find audio files below a folder by ending; sorted, without hidden files."""
    paths: list[Path] = []
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [
            Path(parent, name) for name in names if not name.startswith(".") and name.lower().endswith(AUDIO_SUFFIXES)
        ]
    return sorted(paths)
