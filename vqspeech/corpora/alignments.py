"""Which alignment file belongs to a recording, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.lab import read_lab
from vqspeech.alignment.textgrid import read_textgrid
from vqspeech.alignment.timit import read_phn
from vqspeech.errors import InputError

READERS: Mapping[str, Callable[[Path], Alignment]] = {".textgrid": read_textgrid, ".phn": read_phn, ".lab": read_lab}
"""File name ending (lower case) -> reader, in the order in which they are preferred."""


def read_alignment(path: Path) -> Alignment:
    """Read an alignment file by its ending.

    Raises
    ------
    InputError : an ending nobody reads, or a file that its reader refuses
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: no reader for {path.suffix!r} alignments; known: {', '.join(READERS)}")
    return reader(path)


def beside(audio_files: Iterable[Path]) -> dict[Path, Path]:
    """For each audio file that has one: the alignment in the same folder under the same stem (either case), the preferred kind first."""
    listings: dict[Path, dict[tuple[str, str], Path]] = {}
    found: dict[Path, Path] = {}
    for audio_file in audio_files:
        folder = audio_file.parent
        if folder not in listings:
            entries = sorted(folder.iterdir())
            listings[folder] = {(p.stem.lower(), p.suffix.lower()): p for p in entries if p.suffix.lower() in READERS}
        for suffix in READERS:
            match = listings[folder].get((audio_file.stem.lower(), suffix))
            if match is not None:
                found[audio_file] = match
                break
    return found
