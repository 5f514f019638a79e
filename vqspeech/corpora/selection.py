"""Make a `Corpus` of recordings: choose speakers, probe headers, assign splits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from vqspeech import audio
from vqspeech.alignment.base import Alignment
from vqspeech.corpora.base import Corpus, Split, Utterance, split_of
from vqspeech.errors import AudioError, CorpusError, FailedPluginError, InputError, PluginError, unknown_name
from vqspeech.names import short_hash

SplitBy = Literal["utterance", "speaker", "text"]
Speakers = int | Sequence[str] | None


@dataclass(frozen=True, kw_only=True)
class Recording:
    """An audio file found by a reader, not opened yet.

    Parameters
    ----------
    id, path, speaker, text : as in `Utterance`
    split : the corpus's own split; None assigns it by hash
    alignment : a file with phones, several by preference, or None
    """

    id: str
    path: Path
    speaker: str
    text: str | None = None
    split: Split | None = None
    alignment: Path | tuple[Path, ...] | None = None


def assemble(
    corpus: Corpus,
    recordings: Iterable[Recording],
    *,
    split_by: SplitBy,
    speakers: Speakers,
    max_utterances: int | None,
) -> Corpus:
    """Choose speakers, probe the header of each file, read alignments, assign splits.

    Files with an unreadable header go to ``skipped``. So do unreadable alignments; their utterances have None.

    Parameters
    ----------
    corpus : name, root, variant, notes and files skipped so far; its utterances are ignored
    recordings : everything found, in any order, ids unique
    split_by : ``"utterance"`` splits every speaker's utterances; ``"speaker"`` puts no speaker into two splits,
        ``"text"`` no sentence, whoever says it (letters and digits count; without a text as by utterance)
    speakers : names, or n for the first n in sorted order, or None for all
    max_utterances : number of readable utterances per speaker, by id; None for all

    Raises
    ------
    CorpusError : no recordings, none readable, or two of one id
    InputError : an option out of range
    UnknownNameError : an unknown speaker
    """
    require_split_by(split_by)
    if max_utterances is not None and max_utterances < 1:
        raise InputError(f"max_utterances must be at least 1, got {max_utterances}")
    by_speaker: dict[str, list[Recording]] = defaultdict(list)
    ids: dict[str, Path] = {}
    for recording in recordings:
        if recording.id in ids:
            raise CorpusError(
                f"two recordings have the id {recording.id!r}: {ids[recording.id]} and {recording.path}; "
                "ids must be unique"
            )
        ids[recording.id] = recording.path
        by_speaker[recording.speaker].append(recording)
    skipped = dict(corpus.skipped)
    utterances: list[Utterance] = []
    for speaker in choose_speakers(sorted(by_speaker), speakers):
        taken = 0
        for recording in sorted(by_speaker[speaker], key=lambda recording: recording.id):
            if taken == max_utterances:
                break
            utterance = _utterance(recording, split_by, skipped)
            if utterance is not None:
                utterances.append(utterance)
                taken += 1
    if not utterances:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in list(skipped.items())[:3])
        raise CorpusError(
            f"{corpus.root}: no usable recording among {sum(map(len, by_speaker.values()))} files. "
            f"First problems: {reasons or 'none'}"
        )
    utterances.sort(key=lambda utterance: utterance.id)
    return replace(corpus, utterances=tuple(utterances), skipped=skipped)


def require_split_by(split_by: str) -> None:
    """Raise `InputError` unless the value is a `SplitBy`."""
    if split_by not in get_args(SplitBy):
        raise InputError(f"split_by {split_by!r} is not allowed; choose {', '.join(map(repr, get_args(SplitBy)))}")


def split_key(utterance: str, speaker: str, text: str | None, split_by: SplitBy) -> str:
    """Return what the split of an utterance is the hash of, see `assemble`.

    Parameters
    ----------
    utterance : its id
    speaker, text, split_by : as in `Utterance` and `assemble`
    """
    if split_by == "text" and text is not None:
        return f"text {spoken}" if (spoken := re.sub(r"[\W_]+", " ", text.casefold()).strip()) else utterance
    return speaker if split_by == "speaker" else utterance


def choose_speakers(available: Sequence[str], wanted: Speakers) -> list[str]:
    """Select all speakers (None), the first n (int), or those named.

    Raises
    ------
    InputError : n below 1 or an empty list
    UnknownNameError : an unknown speaker
    """
    if wanted is None:
        return list(available)
    if isinstance(wanted, int):
        if wanted < 1:
            raise InputError(f"speakers must be at least 1, got {wanted}")
        return list(available[:wanted])
    names = [wanted] if isinstance(wanted, str) else list(dict.fromkeys(wanted))
    if not names:
        raise InputError("the list of speakers is empty; omit it to take all")
    known = set(available)
    for name in names:
        if name not in known:
            raise unknown_name("speaker", name, available)
    return names


def existing_root(root: Path | str | None, corpus: str) -> Path:
    """Return the data folder as an absolute path.

    Raises
    ------
    CorpusError : None, missing, not a folder, or empty
    """
    if root is None:
        raise CorpusError(f"the corpus {corpus!r} needs a data folder; give it with --data-dir")
    path = Path(root).expanduser().absolute()
    if not path.is_dir():
        raise CorpusError(
            f"{path}: {'is a file, not a folder' if path.exists() else 'no such folder'}; "
            f"give the folder of the corpus {corpus!r}"
        )
    if next(path.iterdir(), None) is None:
        raise CorpusError(f"{path}: is an empty folder; give the folder of the corpus {corpus!r}")
    return path


def safe_id(text: str) -> str:
    """Make an utterance id: all but letters, digits, ``.``, ``_`` and ``-`` become ``_``.

    Of a name in another script nothing is left; its id ends in a hash of it. Other names may still have one id.
    """
    made = re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".") or "_"
    if text.isascii() or re.search(r"[A-Za-z0-9]", made):
        return made
    return f"{made}-{short_hash(text)}"


def count_and_name(names: Sequence[str], limit: int = 5) -> str:
    """Format a count and the first names for notes: ``"7: a, b, c, d, e and 2 more"``; names that can be printed."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"{len(names)}: {', '.join(map(audio.shown_path, names[:limit]))}{more}"


def _utterance(recording: Recording, split_by: SplitBy, skipped: dict[str, str]) -> Utterance | None:
    try:
        duration_s = audio.probe(recording.path).duration_s
    except AudioError as error:
        skipped[audio.shown_path(recording.path)] = _reason(recording.path, error)
        return None
    alignment: Alignment | None = None
    if recording.alignment is not None:
        from vqspeech.corpora.alignments import read_first

        files = (recording.alignment,) if isinstance(recording.alignment, Path) else recording.alignment
        try:
            alignment, unused = read_first(files)
        except (PluginError, FailedPluginError) as error:
            unused = {files[0]: _reason(files[0], error)}
        skipped.update({audio.shown_path(path): f"alignment not used: {reason}" for path, reason in unused.items()})
    return Utterance(
        id=recording.id,
        path=recording.path,
        speaker=recording.speaker,
        text=recording.text,
        split=recording.split or split_of(split_key(recording.id, recording.speaker, recording.text, split_by)),
        duration_s=duration_s,
        alignment=alignment,
    )


def _reason(path: Path, error: Exception) -> str:
    return str(error).removeprefix(f"{audio.shown_path(path)}: ").removeprefix(f"{path}: ")
