"""LibriSpeech: ``SPEAKER/CHAPTER/SPEAKER-CHAPTER-NNNN.flac`` with ``.trans.txt``."""

from __future__ import annotations

import re
from pathlib import Path

from vqspeech.audio import audio_below
from vqspeech.corpora.base import Corpus, Split
from vqspeech.corpora.selection import Recording, Speakers, SplitBy, assemble, count_and_name, existing_root
from vqspeech.errors import CorpusError

_STEM = re.compile(r"(\d+)-(\d+)-(\d+)")
_SUBSET = re.compile(r"(train|dev|test)-(?:clean|other)(?:-\d+)?")
_SPLIT_OF_SUBSET: dict[str, Split] = {"train": "train", "dev": "valid", "test": "test"}


def read(
    root: Path | str | None,
    *,
    split_by: SplitBy = "utterance",
    speakers: Speakers = None,
    max_utterances: int | None = None,
) -> Corpus:
    """Read one or several subsets of LibriSpeech.

    Splits by utterance are by hash, because LibriSpeech's own subsets share no speakers. Splits by speaker follow the
    subsets (``train-*``, ``dev-*``, ``test-*``) where several kinds are present, else the hash of the speaker.

    Parameters
    ----------
    root : the folder of the corpus, of one subset, or of the files themselves
    split_by, speakers, max_utterances : see `vqspeech.corpora.selection.assemble`; speaker ids are like ``"84"``

    Raises
    ------
    CorpusError : no file of that form; the message says what was searched
    """
    folder = existing_root(root, "librispeech")
    files = audio_below(folder)
    matches = [(path, match) for path in files if (match := _STEM.fullmatch(path.stem))]
    if not matches:
        raise CorpusError(
            f"no LibriSpeech recordings in {folder}: looked for SPEAKER-CHAPTER-NNNN.flac in it and below; "
            f"{len(files)} other audio files are there"
        )
    subsets = {
        path: found[-1] for path, _ in matches if (found := [part for part in path.parts if _SUBSET.fullmatch(part)])
    }
    kinds = {subset.split("-")[0] for subset in subsets.values()}
    texts: dict[str, str] = {}
    recordings: dict[str, Recording] = {}
    read_folders: set[Path] = set()
    for path, match in matches:
        if path.parent not in read_folders:
            read_folders.add(path.parent)
            texts.update(transcripts(path.parent))
        own_split = (
            _SPLIT_OF_SUBSET[subsets[path].split("-")[0]]
            if split_by == "speaker" and len(kinds) > 1 and path in subsets
            else None
        )
        recordings.setdefault(
            match[0], Recording(id=match[0], path=path, speaker=match[1], text=texts.get(match[0]), split=own_split)
        )
    notes: list[str] = []
    if len(recordings) < len(matches):
        notes.append(f"{len(matches) - len(recordings)} recordings occur twice; the first of each was used.")
    if ignored := [path.name for path in files if not _STEM.fullmatch(path.stem)]:
        notes.append(f"Audio files with other names, ignored, {count_and_name(ignored)}.")
    if not texts:
        notes.append("There are no .trans.txt files, so no text.")
    variant = (
        f"LibriSpeech, {', '.join(sorted(set(subsets.values())))}"
        if subsets
        else "LibriSpeech, files without subset folders"
    )
    found_corpus = Corpus(name="librispeech", root=folder, variant=variant, utterances=(), notes=tuple(notes))
    return assemble(
        found_corpus, recordings.values(), split_by=split_by, speakers=speakers, max_utterances=max_utterances
    )


def transcripts(folder: Path) -> dict[str, str]:
    """Read the ``.trans.txt`` files of a folder: utterance -> text."""
    texts: dict[str, str] = {}
    for path in sorted(path for path in folder.glob("*.trans.txt") if path.is_file()):
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            key, _, text = line.partition(" ")
            if key:
                texts[key] = text.strip()
    return texts
