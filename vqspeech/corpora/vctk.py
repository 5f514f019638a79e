"""CSTR VCTK, releases 0.80 and 0.92: read sentences by 109 or 110 English speakers.

Layouts, as released:

- 0.92: ``wav48_silence_trimmed/p239/p239_001_mic1.flac`` (two microphones), ``txt/p239/p239_001.txt``
- 0.80: ``wav48/p239/p239_001.wav`` (or ``wav16``), ``txt/p239/p239_001.txt``

Known gaps are accepted and noted: p315 has no text, p280 has no mic2 and no line in 0.80's speaker-info, parts of p362
are missing, 0.80 holds a stray ``p376_295.raw``, and 0.92 has texts without audio.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vqspeech.corpora.base import Corpus
from vqspeech.corpora.selection import Recording, Speakers, SplitBy, assemble, count_and_name, existing_root
from vqspeech.errors import CorpusError, InputError

Mic = Literal["mic1", "mic2"]

_SPEAKER = re.compile(r"[ps]\d+")


@dataclass(frozen=True)
class _Layout:
    """Audio layout of a release: folder, file name pattern (group 1: id), description."""

    folder: str
    pattern: re.Pattern[str]
    variant: str
    looked_for: str


def _layouts(mic: Mic) -> tuple[_Layout, ...]:
    in_092 = re.compile(rf"([ps]\d+_\d+)_{mic}\.(?:flac|wav)", re.IGNORECASE)
    in_080 = re.compile(r"([ps]\d+_\d+)\.(?:wav|flac)", re.IGNORECASE)
    return (
        _Layout(
            "wav48_silence_trimmed", in_092, f"VCTK 0.92, {mic}", f"wav48_silence_trimmed/pNNN/pNNN_MMM_{mic}.flac"
        ),
        _Layout("wav48", in_080, "VCTK 0.80", "wav48/pNNN/pNNN_MMM.wav"),
        _Layout("wav16", in_080, "VCTK 0.80, 16 kHz copy", "wav16/pNNN/pNNN_MMM.wav"),
    )


def read(
    root: Path | str | None,
    *,
    mic: Mic = "mic1",
    split_by: SplitBy = "utterance",
    speakers: Speakers = None,
    max_utterances: int | None = None,
) -> Corpus:
    """Read VCTK; the release is detected from the folder layout.

    Parameters
    ----------
    root : the corpus folder (``VCTK-Corpus``, ``VCTK-Corpus-0.92``), or a folder that holds it
    mic : microphone of release 0.92; release 0.80 has one only
    split_by, speakers, max_utterances : see `vqspeech.corpora.selection.assemble`; speaker ids look like ``p239``

    Raises
    ------
    CorpusError : no known layout; the message lists what was searched
    InputError, UnknownNameError : an option out of range, an unknown speaker
    """
    if mic not in ("mic1", "mic2"):
        raise InputError(f"mic {mic!r} is not allowed; choose 'mic1' or 'mic2'")
    given = existing_root(root, "vctk")
    folder, layout, others = _locate(given, mic)
    audio_root = folder / layout.folder
    texts = _texts(folder / "txt")
    recordings: list[Recording] = []
    ignored: list[str] = []
    twice: list[str] = []
    silent_speakers: list[str] = []
    stems: set[str] = set()
    for speaker_folder in sorted(
        path for path in audio_root.iterdir() if path.is_dir() and _SPEAKER.fullmatch(path.name)
    ):
        before = len(recordings)
        for path in sorted(speaker_folder.iterdir()):
            if path.name.startswith("."):
                continue
            match = layout.pattern.fullmatch(path.name)
            if match and match[1] in stems:
                twice.append(f"{speaker_folder.name}/{path.name}")
            elif match:
                stems.add(match[1])
                recordings.append(
                    Recording(id=match[1], path=path, speaker=speaker_folder.name, text=texts.get(match[1]))
                )
            elif not re.search(r"_mic[12]\.", path.name):
                ignored.append(path.name)
        if len(recordings) == before:
            silent_speakers.append(speaker_folder.name)
    if not recordings:
        raise _nothing(
            given, mic, f"{audio_root} has {len(silent_speakers)} speaker folders and none holds {layout.looked_for}"
        )
    notes = _notes(folder, recordings, texts, stems, ignored, silent_speakers, layout)
    if twice:
        notes.append(f"Recordings of an id that occurs before, ignored, {count_and_name(twice)}.")
    if others:
        notes.append(f"Not read, because {folder} was found first: {', '.join(str(other) for other in others)}.")
    corpus = Corpus(name="vctk", root=folder, variant=layout.variant, utterances=(), notes=tuple(notes))
    return assemble(corpus, recordings, split_by=split_by, speakers=speakers, max_utterances=max_utterances)


def find_release(root: Path | str) -> str | None:
    """Return the release whose folder layout is at `root`, or None; reads folder names only."""
    try:
        return _locate(existing_root(root, "vctk"), "mic1")[1].variant
    except CorpusError:
        return None


def _locate(given: Path, mic: Mic) -> tuple[Path, _Layout, list[Path]]:
    """Return the corpus folder, its layout, and other matches; 0.92 precedes 0.80."""
    layouts = _layouts(mic)
    if given.name in {layout.folder for layout in layouts}:
        given = given.parent
    inside = sorted(path for path in given.iterdir() if path.is_dir() and not path.name.startswith("."))
    matches: list[tuple[Path, _Layout]] = []
    for candidates in ([given], inside):
        for layout in layouts:
            matches += [(path, layout) for path in candidates if (path / layout.folder).is_dir()]
        if matches:
            folder, layout = matches[0]
            return folder, layout, [path / other.folder for path, other in matches[1:]]
    raise _nothing(given, mic, f"{given} and the {len(inside)} folders in it hold no folder of these names")


def _nothing(given: Path, mic: Mic, found: str) -> CorpusError:
    looked_for = ", ".join(layout.looked_for for layout in _layouts(mic))
    return CorpusError(
        f"no VCTK recordings in {given}: looked for {looked_for}; {found}. Give the folder VCTK-Corpus or "
        "VCTK-Corpus-0.92, or fetch it: vqspeech corpora download vctk --data-dir DIR"
    )


def _texts(folder: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("*/*.txt")):
        if not path.name.startswith(".") and path.is_file():
            texts[path.stem] = " ".join(path.read_text(encoding="utf-8", errors="replace").split())
    return texts


def _notes(
    folder: Path,
    recordings: list[Recording],
    texts: dict[str, str],
    stems: set[str],
    ignored: list[str],
    silent_speakers: list[str],
    layout: _Layout,
) -> list[str]:
    notes: list[str] = []
    speakers = sorted({recording.speaker for recording in recordings})
    with_text = {recording.speaker for recording in recordings if recording.text is not None}
    if without := [speaker for speaker in speakers if speaker not in with_text]:
        notes.append(f"Speakers without any text, used nevertheless, {count_and_name(without)}.")
    if missing := sorted(r.id for r in recordings if r.text is None and r.speaker in with_text):
        notes.append(f"Recordings without text, used nevertheless, {count_and_name(missing)}.")
    if stray := sorted(texts.keys() - stems):
        notes.append(f"Texts without audio, ignored, {count_and_name(stray)}.")
    if silent_speakers:
        notes.append(f"Speakers without a file like {layout.looked_for}, omitted, {count_and_name(silent_speakers)}.")
    if ignored:
        notes.append(f"Files that are no recordings, ignored, {count_and_name(sorted(ignored))}.")
    listed = _listed_speakers(folder / "speaker-info.txt")
    if listed is None:
        notes.append("There is no speaker-info.txt.")
    elif unlisted := [speaker for speaker in speakers if speaker not in listed]:
        notes.append(f"Speakers not listed in speaker-info.txt, used nevertheless, {count_and_name(unlisted)}.")
    return notes


def _listed_speakers(path: Path) -> set[str] | None:
    if not path.is_file():
        return None
    rows = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[1:]]
    return {name if _SPEAKER.fullmatch(name) else f"p{name}" for name in (row[0].lower() for row in rows if row)}
