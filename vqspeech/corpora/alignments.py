"""Which alignment file belongs to a recording, and who reads it: the registered aligners, by file name ending."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vqspeech.alignment.base import Alignment
from vqspeech.errors import InputError
from vqspeech.registry import lookup
from vqspeech.registry.specs import AlignerSpec


def aligners_by_suffix() -> dict[str, str]:
    """File name ending (with the dot, lower case) -> name of the aligner that reads it, in the order in which they are preferred."""
    found: dict[str, str] = {}
    for entry in lookup.entries("aligner"):
        assert isinstance(entry.spec, AlignerSpec)
        for suffix in entry.spec.suffixes:
            found.setdefault(suffix, entry.qualified)
    return found


def read_alignment(path: Path) -> Alignment:
    """Read an alignment file by its ending.

    Raises
    ------
    InputError : an ending nobody reads, or a file that its reader refuses
    """
    known = aligners_by_suffix()
    name = known.get(path.suffix.lower())
    if name is None:
        raise InputError(f"{path}: no reader for {path.suffix!r} alignments; known: {', '.join(known)}")
    alignment = lookup.get("aligner", name)(path)
    assert isinstance(alignment, Alignment)
    return alignment


def beside(audio_files: Iterable[Path]) -> dict[Path, Path]:
    """For each audio file that has one: the alignment in the same folder under the same stem (either case), the preferred kind first."""
    suffixes = list(aligners_by_suffix())
    listings: dict[Path, dict[tuple[str, str], Path]] = {}
    found: dict[Path, Path] = {}
    for audio_file in audio_files:
        folder = audio_file.parent
        if folder not in listings:
            aligned = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in suffixes]
            listings[folder] = {(path.stem.lower(), path.suffix.lower()): path for path in aligned}
        for suffix in suffixes:
            match = listings[folder].get((audio_file.stem.lower(), suffix))
            if match is not None:
                found[audio_file] = match
                break
    return found
