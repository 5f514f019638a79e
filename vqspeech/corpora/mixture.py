"""Several corpora as one: parts, each read by a registered corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vqspeech.config.values import Strict
from vqspeech.corpora.base import Corpus, Split, Utterance
from vqspeech.corpora.selection import count_and_name, safe_id
from vqspeech.errors import CorpusError, InputError, unknown_name
from vqspeech.registry import contracts, lookup
from vqspeech.registry.specs import CorpusSpec


@dataclass(frozen=True, kw_only=True)
class Part(Strict):
    """A corpus within a mixture.

    Parameters
    ----------
    corpus : registered name of its reader
    folder : its folder, relative to the folder of the mixture; None for that folder itself, or for no folder where
        the reader needs none
    options : options of its reader
    speakers : speakers to take; None for all
    without : speakers to leave out, for example to evaluate on them
    split : puts all its utterances into one split; None keeps the reader's splits
    """

    corpus: str
    folder: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    speakers: list[str] | None = None
    without: list[str] = field(default_factory=list)
    split: Split | None = None


def read(root: Path | str | None, *, parts: list[Part], same_speakers: bool = False) -> Corpus:
    """Read a mixture of corpora.

    Utterances keep their ids, speakers and splits. Where an id occurs in an earlier part too, all ids of the later
    part begin with the part's label: the name of its folder, or else its corpus. A speaker id of an earlier part gets
    the label likewise, unless `same_speakers`.

    Parameters
    ----------
    root : the folder that the folders of parts are relative to
    parts : see `Part`
    same_speakers : equal speaker ids are the same person in all parts, as in subsets of one corpus

    Raises
    ------
    CorpusError : no part, a part that its reader refuses, or one without utterances
    UnknownNameError : an unregistered corpus, or a speaker that the part does not have
    ConfigError : an option that the part's reader does not have
    """
    if root is None:
        raise CorpusError("the corpus 'mixture' needs a data folder; give it with --data-dir")
    folder = Path(root).expanduser().absolute()
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder; the folders of the parts are relative to it")
    if not parts:
        raise CorpusError("corpus.options.parts is empty; give tables with corpus and folder")
    labels = _labels(parts)
    read_parts = [_read(folder, part, number) for number, part in enumerate(parts)]
    utterances: list[Utterance] = []
    ids: set[str] = set()
    speakers: set[str] = set()
    notes: list[str] = []
    for label, corpus in zip(labels, read_parts, strict=True):
        notes += [f"{label}: {note}" for note in _notes(corpus)]
        common = speakers & set(corpus.speakers)
        if common and not same_speakers:
            named = count_and_name(sorted(common))
            notes.append(f"{label}: begins speaker ids that an earlier part has with {label}-, {named}.")
        prefixed = not ids.isdisjoint(utterance.id for utterance in corpus.utterances)
        for utterance in corpus.utterances:
            speaker = utterance.speaker
            if speaker in common and not same_speakers:
                speaker = f"{label}-{speaker}"
            utterances.append(
                replace(utterance, id=f"{label}-{utterance.id}" if prefixed else utterance.id, speaker=speaker)
            )
        ids.update(utterance.id for utterance in utterances[-len(corpus.utterances) :])
        speakers.update(utterance.speaker for utterance in utterances[-len(corpus.utterances) :])
    if twice := [each for each, count in Counter(utterance.id for utterance in utterances).items() if count > 1]:
        raise CorpusError(f"several utterances of the mixture have the same id, {count_and_name(sorted(twice))}")
    return Corpus(
        name="mixture",
        root=folder,
        variant="; ".join(f"{label} ({corpus.variant})" for label, corpus in zip(labels, read_parts, strict=True)),
        utterances=tuple(sorted(utterances, key=lambda utterance: utterance.id)),
        skipped={path: reason for corpus in read_parts for path, reason in corpus.skipped.items()},
        synthetic=any(corpus.synthetic for corpus in read_parts),
        notes=tuple(notes),
    )


def _read(folder: Path, part: Part, number: int) -> Corpus:
    key = f"corpus.options.parts.{number}"
    entry = lookup.find(CorpusSpec, part.corpus)
    if entry.spec.media != "audio" or part.corpus == "mixture":
        raise InputError(f"{key}.corpus = {part.corpus!r}: no corpus of recordings that a mixture can hold")
    place = None
    if part.folder is not None or entry.spec.needs_data_dir:
        place = folder / (part.folder or ".")
    corpus: Corpus = contracts.call(entry, place, options=part.options, prefix=f"{key}.options.")
    for name in (*(part.speakers or ()), *part.without):
        if name not in corpus.speakers:
            raise unknown_name(f"speaker of {key}", name, corpus.speakers)
    taken = set(corpus.speakers if part.speakers is None else part.speakers) - set(part.without)
    utterances = [
        replace(utterance, split=part.split or utterance.split)
        for utterance in corpus.utterances
        if utterance.speaker in taken
    ]
    if not utterances:
        raise CorpusError(f"{key}: no utterance is left of {corpus.root}; speakers and without exclude all")
    return corpus.subset(utterances)


def _labels(parts: Sequence[Part]) -> list[str]:
    """Name the parts: folder or corpus, numbered where several have the same name."""
    names = [safe_id(Path(part.folder or part.corpus).name or part.corpus) for part in parts]
    labels: list[str] = []
    for name in names:
        number = 1
        while (label := name if number == 1 else f"{name}-{number}") in labels:
            number += 1
        labels.append(label)
    return labels


def _notes(corpus: Corpus) -> Iterator[str]:
    if corpus.synthetic:
        yield "Synthetic speech."
    yield from corpus.notes
