"""Match alignment files with recordings, or make alignments by a registered aligner."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.ctm import read_ctm_utterances
from vqspeech.corpora.base import Corpus, Utterance
from vqspeech.errors import InputError, PluginError
from vqspeech.registry import contracts, lookup
from vqspeech.registry.specs import AlignerSpec, AlignmentSpec

SHARE = 16
"""Utterances that a process aligns at a time."""


def formats_by_suffix() -> dict[str, str]:
    """Map file name endings (lower case, with the dot) to their formats, by preference."""
    formats: dict[str, str] = {}
    for entry in lookup.entries(AlignmentSpec):
        for suffix in entry.spec.suffixes:
            formats.setdefault(suffix, entry.qualified)
    return formats


def read_alignment(path: Path) -> Alignment:
    """Read an alignment file by its ending.

    Raises
    ------
    InputError : an ending without a reader, or a file that its reader refuses
    """
    known = formats_by_suffix()
    name = known.get(path.suffix.lower())
    if name is None:
        raise InputError(f"{path}: no reader for {path.suffix!r} alignments; known: {', '.join(known)}")
    alignment: Alignment = contracts.call(lookup.find(AlignmentSpec, name), path)
    return alignment


def beside(audio_files: Iterable[Path]) -> dict[Path, Path]:
    """Map audio files to the alignment of the same folder and stem, by preference of endings."""
    suffixes = list(formats_by_suffix())
    listings: dict[Path, dict[tuple[str, str], Path]] = {}
    matches: dict[Path, Path] = {}
    for audio_file in audio_files:
        folder = audio_file.parent
        if folder not in listings:
            aligned = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in suffixes]
            listings[folder] = {(path.stem.lower(), path.suffix.lower()): path for path in aligned}
        for suffix in suffixes:
            match = listings[folder].get((audio_file.stem.lower(), suffix))
            if match is not None:
                matches[audio_file] = match
                break
    return matches


@dataclass(frozen=True, kw_only=True)
class FoundAlignments:
    """Alignments of utterances of a corpus.

    Parameters
    ----------
    alignments : utterance id -> alignment
    skipped : file or utterance -> why it could not be used
    others : names of alignments that match no utterance of the corpus
    """

    alignments: dict[str, Alignment]
    skipped: dict[str, str]
    others: tuple[str, ...] = ()


def find(place: Path, utterances: Sequence[Utterance]) -> FoundAlignments:
    """Read alignments from a folder (as of the Montreal Forced Aligner) or from a CTM file.

    An alignment belongs to the utterance of that id, else to the one whose speaker or folder and file name match
    (``p225/p225_001.TextGrid``), else to the only one whose audio file has its name. Case does not matter.

    Raises
    ------
    InputError : a missing place, no file of a registered format, or no match with any utterance
    """
    read: dict[str, Callable[[], Alignment]]
    if place.is_dir():
        suffixes = formats_by_suffix()
        files = sorted(path for path in place.rglob("*") if path.suffix.lower() in suffixes)
        read = {str(path.relative_to(place).with_suffix("")): partial(read_alignment, path) for path in files}
        if not files:
            raise InputError(f"{place}: holds no alignments; looked for files ending in {', '.join(suffixes)}")
    elif place.suffix.lower() == ".ctm" and place.is_file():
        everyone = read_ctm_utterances(place)
        read = {name: partial(everyone.__getitem__, name) for name in everyone}
    else:
        raise InputError(f"{place}: neither a folder of alignments nor a .ctm file")
    keys = _keys(utterances)
    alignments: dict[str, Alignment] = {}
    skipped: dict[str, str] = {}
    others: list[str] = []
    for name, load in read.items():
        parts = Path(name.lower()).parts
        key = next((keys[k] for k in ("/".join(parts[-2:]), parts[-1]) if k in keys), None)
        if key is None:
            others.append(name)
            continue
        try:
            alignments[key] = load()
        except PluginError:
            raise
        except InputError as error:
            skipped[name] = str(error)
    if not alignments:
        raise InputError(
            f"{place}: none of its {len(read)} alignments belongs to an utterance of this corpus "
            f"({len(skipped)} could not be read); it has {', '.join([*others, *skipped][:3])}, "
            f"the corpus {', '.join(u.id for u in utterances[:3])}"
        )
    return FoundAlignments(alignments=alignments, skipped=skipped, others=tuple(others))


def _keys(utterances: Sequence[Utterance]) -> dict[str, str]:
    """Map possible names of an utterance's alignment to its id, except ambiguous names."""
    stems = Counter(utterance.path.stem.lower() for utterance in utterances)
    keys: dict[str, str] = {}
    for utterance in utterances:
        stem = utterance.path.stem.lower()
        keys[f"{utterance.path.parent.name.lower()}/{stem}"] = utterance.id
        keys[f"{utterance.speaker.lower()}/{stem}"] = utterance.id
        if stems[stem] == 1:
            keys.setdefault(stem, utterance.id)
    return keys | {utterance.id.lower(): utterance.id for utterance in utterances}


def make(
    aligner: str, utterances: Iterable[Utterance], progress: Callable[[int], None] | None = None
) -> FoundAlignments:
    """Align utterances with their transcripts by a registered aligner.

    Utterances without text and those that the aligner refuses are listed in ``skipped``.

    Parameters
    ----------
    progress : called with the number of utterances done

    Raises
    ------
    UnknownNameError : an unknown aligner
    """
    entry = lookup.find(AlignerSpec, aligner)
    alignments: dict[str, Alignment] = {}
    skipped: dict[str, str] = {}
    for number, utterance in enumerate(utterances, start=1):
        if not utterance.text:
            skipped[utterance.id] = "has no text"
            continue
        try:
            alignments[utterance.id] = contracts.call(entry, utterance.path, text=utterance.text)
        except PluginError:
            raise
        except InputError as error:
            skipped[utterance.id] = str(error)
        if progress is not None:
            progress(number)
    return FoundAlignments(alignments=alignments, skipped=skipped)


def aligned(
    corpus: Corpus,
    aligner: str,
    known: Mapping[str, Alignment] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Align the utterances of a corpus that have a text and no alignment, in one process per core.

    Utterances that the aligner refuses stay without alignment; a note counts them.

    Parameters
    ----------
    corpus : the corpus
    aligner : name of a registered aligner
    known : utterance id -> alignment that it made before
    progress : called with (utterances done, utterances)

    Raises
    ------
    UnknownNameError : an unknown aligner
    PluginError, VQSpeechError : an aligner that fails, or is not installed
    """
    lookup.find(AlignerSpec, aligner)
    without = [utterance for utterance in corpus.utterances if utterance.alignment is None and utterance.text]
    if not without:
        return corpus
    made = {utterance.id: known[utterance.id] for utterance in without if known and utterance.id in known}
    bare = [utterance for utterance in without if utterance.id not in made]
    refused = 0
    workers = max(1, min(len(bare), os.cpu_count() or 1))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        shares = [bare[first : first + SHARE] for first in range(0, len(bare), SHARE)]
        done = 0
        for found in pool.map(partial(make, aligner), shares):
            made |= found.alignments
            refused += len(found.skipped)
            done += len(found.alignments) + len(found.skipped)
            if progress is not None:
                progress(done, len(bare))
    utterances = [
        replace(utterance, alignment=made.get(utterance.id, utterance.alignment)) for utterance in corpus.utterances
    ]
    note = f"{len(made)} utterances were aligned by {aligner}; {refused} could not be."
    return replace(corpus.subset(utterances), notes=(*corpus.notes, note))
