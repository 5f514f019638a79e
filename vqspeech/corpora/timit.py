"""TIMIT with its manual phone alignments, in upper or lower case.

- LDC's tree: ``TRAIN|TEST/DR1/FCJF0/SA1.WAV`` (NIST SPHERE or wav) with ``.PHN``, ``.WRD``, ``.TXT``
- NLTK's sample: ``dr1-fvmh0/sa1.wav`` with ``.phn``, ``.wrd``
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from vqspeech.audio import audio_below
from vqspeech.corpora.base import Corpus, Split, split_of
from vqspeech.corpora.selection import Recording, Speakers, SplitBy, assemble, count_and_name, existing_root
from vqspeech.errors import CorpusError

_DIALECT = re.compile(r"dr[1-8]", re.IGNORECASE)
_NLTK_FOLDER = re.compile(r"(dr[1-8])-([a-z]{4}\d)", re.IGNORECASE)
_SENTENCE = re.compile(r"s[aix]\d+", re.IGNORECASE)
_LOOKED_FOR = "TRAIN|TEST/DRn/SPEAKER/*.WAV (LDC) or drN-speaker/*.wav (NLTK sample)"


def read(
    root: Path | str | None,
    *,
    split_by: SplitBy = "utterance",
    speakers: Speakers = None,
    max_utterances: int | None = None,
) -> Corpus:
    """Read TIMIT, with phones folded to 39 classes (see `vqspeech.alignment.timit`).

    LDC's TEST is the test split; a share of its TRAIN, by hash, is the valid split. NLTK's sample is split by hash.

    Parameters
    ----------
    root : the tree, or a folder above it
    split_by, speakers, max_utterances : see `vqspeech.corpora.selection.assemble`; speaker ids are like ``fvmh0``

    Raises
    ------
    CorpusError : no known layout; the message lists what was searched
    """
    folder = existing_root(root, "timit")
    recordings: dict[str, Recording] = {}
    layouts: set[str] = set()
    ignored: list[str] = []
    for path in audio_below(folder):
        place = _place(path)
        if place is None:
            ignored.append(str(path.relative_to(folder)))
            continue
        layout, speaker, part = place
        sentence = path.name.split(".")[0].lower()
        key = f"{speaker}_{sentence}"
        if key in recordings:
            ignored.append(str(path.relative_to(folder)))
            continue
        layouts.add(layout)
        siblings = {p.suffix.lower(): p for p in path.parent.glob(f"{path.name.split('.')[0]}.*")}
        split = None if split_by == "text" else _split(part, speaker if split_by == "speaker" else key)
        recordings[key] = Recording(
            id=key, path=path, speaker=speaker, text=read_text(siblings), split=split, alignment=siblings.get(".phn")
        )
    if not recordings:
        raise CorpusError(
            f"no TIMIT recordings in {folder}: looked for {_LOOKED_FOR}; {len(ignored)} other audio files are there"
        )
    notes = (
        [f"Audio files outside TIMIT's layout or duplicated, ignored, {count_and_name(ignored)}."] if ignored else []
    )
    if bare := sorted(key for key, recording in recordings.items() if recording.alignment is None):
        notes.append(f"Recordings without a .phn file, {count_and_name(bare)}.")
    corpus = Corpus(
        name="timit", root=folder, variant=f"TIMIT, {' and '.join(sorted(layouts))}", utterances=(), notes=tuple(notes)
    )
    return assemble(corpus, recordings.values(), split_by=split_by, speakers=speakers, max_utterances=max_utterances)


def _place(path: Path) -> tuple[str, str, str | None] | None:
    """Return (layout, speaker, ``"train"``/``"test"``/None) of a path; None in other folders."""
    if not _SENTENCE.fullmatch(path.name.split(".")[0]):
        return None
    if nltk := _NLTK_FOLDER.fullmatch(path.parent.name):
        return "NLTK sample", nltk[2].lower(), None
    if _DIALECT.fullmatch(path.parents[1].name) and path.parents[2].name.lower() in ("train", "test"):
        return "LDC tree", path.parent.name.lower(), path.parents[2].name.lower()
    return None


def _split(part: str | None, key: str) -> Split | None:
    if part == "test":
        return "test"
    return None if part is None else split_of(key, test=0.0)


def read_text(siblings: Mapping[str, Path]) -> str | None:
    """Read the sentence from .txt (``0 46797 She had ...``), else the words of .wrd; None without these.

    Parameters
    ----------
    siblings : ending in lower case -> file beside the recording
    """
    siblings = {suffix: path for suffix, path in siblings.items() if path.is_file()}
    if path := siblings.get(".txt"):
        words = path.read_text(encoding="latin-1").split()
        return " ".join(words[2:] if len(words) > 2 and words[0].isdigit() and words[1].isdigit() else words) or None
    if path := siblings.get(".wrd"):
        rows = [line.split() for line in path.read_text(encoding="latin-1").split("\n")]
        return " ".join(row[2] for row in rows if len(row) > 2) or None
    return None
