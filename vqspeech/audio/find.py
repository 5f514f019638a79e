"""Find audio files in folders."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

from vqspeech.audio.opening import shown_path
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
    """Find audio files below a folder by ending; sorted, without hidden files.

    Links are followed to folders and files that are not found without them or through an earlier link, so that no
    recording occurs twice. A warning counts the other links.
    """
    search = _Search()
    search.walk(Path(folder))
    repeated = search.follow()
    if repeated:
        named = ", ".join(shown_path(link.relative_to(folder)) for link in repeated[:5])
        more = f" and {len(repeated) - 5} more" if len(repeated) > 5 else ""
        warnings.warn(
            f"{shown_path(folder)}: {len(repeated)} links to folders or files found elsewhere were not followed: "
            f"{named}{more}",
            stacklevel=2,
        )
    return sorted(search.files)


class _Search:
    """A search for audio files that enters no folder twice."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        self._folders: set[tuple[int, int]] = set()
        self._links_to_folders: list[Path] = []
        self._links_to_files: list[Path] = []

    def walk(self, folder: Path) -> bool:
        """Search a folder and those below it, without links; return whether it was not searched before."""
        before = len(self._folders)
        for parent, folders, names in os.walk(folder):
            here = _identity(Path(parent))
            if here is None or here in self._folders:
                folders.clear()
                continue
            self._folders.add(here)
            shown = [Path(parent, name) for name in folders if not name.startswith(".")]
            self._links_to_folders += [path for path in shown if path.is_symlink()]
            folders[:] = sorted(path.name for path in shown if not path.is_symlink())
            for name in names:
                if not name.startswith(".") and name.lower().endswith(AUDIO_SUFFIXES):
                    path = Path(parent, name)
                    (self._links_to_files if path.is_symlink() else self.files).append(path)
        return len(self._folders) > before

    def follow(self) -> list[Path]:
        """Follow the links, sorted; return those to what was found without them or through an earlier one."""
        repeated: list[Path] = []
        while self._links_to_folders:
            link = min(self._links_to_folders)
            self._links_to_folders.remove(link)
            if not self.walk(link):
                repeated.append(link)
        found = {_identity(path) for path in self.files} if self._links_to_files else set()
        for link in sorted(self._links_to_files):
            target = _identity(link)
            # A link to nothing is a file that cannot be read.
            if target is not None and target in found:
                repeated.append(link)
            else:
                found.add(target)
                self.files.append(link)
        return sorted(repeated)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and number of a file or folder, the same by any name; None for what is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
