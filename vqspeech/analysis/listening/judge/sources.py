"""Utterances to evaluate a model on: from a corpus or a run's data, drawn by hash."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vqspeech import audio
from vqspeech.audio.stream import blocks
from vqspeech.corpora.base import Corpus, Split
from vqspeech.corpora.base import Utterance as Recorded
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import InputError

LEAST_SECONDS, MOST_SECONDS = 1.0, 30.0
"""Utterances below are omitted, longer ones are cut (Whisper hears 30 s at a time)."""

Which = Literal["auto", "unheard", "heard", "all"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """An utterance.

    Parameters
    ----------
    id, speaker, text, split, duration_s : as in `vqspeech.corpora.base.Utterance`
    read : returns its waveform (time,) float32 at a given rate
    """

    id: str
    speaker: str
    text: str | None
    split: Split
    duration_s: float
    read: Callable[[int], np.ndarray]

    @property
    def words(self) -> str | None:
        """The text of what `waveform` returns; None where it is not known, as of a recording that is cut."""
        return self.text if self.duration_s <= MOST_SECONDS else None

    def waveform(self, sample_rate: int) -> np.ndarray:
        """Return the first 30 s at a rate in Hz: (time,) float32."""
        return self.read(sample_rate)[: int(MOST_SECONDS * sample_rate)]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Utterances that were drawn, and what there is to say about the choice."""

    sources: tuple[Source, ...]
    notes: tuple[str, ...]
    heard: bool


def corpus_sources(corpus: Corpus) -> list[Source]:
    """Return the utterances of a corpus as sources."""

    def reader(utterance: Recorded) -> Callable[[int], np.ndarray]:
        return lambda rate: _beginning(utterance.path, rate)

    return [
        Source(
            id=one.id,
            speaker=one.speaker,
            text=one.text,
            split=one.split,
            duration_s=one.duration_s,
            read=reader(one),
        )
        for one in corpus.utterances
    ]


def _beginning(path: Path, rate: int) -> np.ndarray:
    """Read the first `MOST_SECONDS` of a file, of any length, and the rest of a block: (time,) float32."""
    read, length = [], 0
    for block in blocks(path, rate):
        read.append(block)
        length += len(block)
        if length >= MOST_SECONDS * rate:
            break
    return np.concatenate(read)


def store_sources(store: AudioStore) -> list[Source]:
    """Return the utterances of a run's prepared data as sources."""

    def reader(index: int) -> Callable[[int], np.ndarray]:
        return lambda rate: audio.resample(store.waveform(index), store.sample_rate, rate)

    return [
        Source(
            id=row.id,
            speaker=row.speaker,
            text=row.text,
            split=row.split,
            duration_s=row.n_samples / store.sample_rate,
            read=reader(index),
        )
        for index, row in enumerate(store.rows)
    ]


def draw(sources: Sequence[Source], count: int, seed: int, heard: Collection[str], which: Which = "auto") -> Drawn:
    """Draw utterances by hash, of as many speakers as possible.

    Parameters
    ----------
    sources : all utterances
    count : number to draw
    seed : another seed draws others
    heard : speakers that the model was trained on
    which : speakers that the model did not hear, those it did, or all; ``"auto"``: not heard where there are any

    Raises
    ------
    InputError : when nothing can be drawn
    """
    if count < 1:
        raise InputError(f"--utterances {count}: at least 1")
    notes: list[str] = []
    usable = [one for one in sources if one.duration_s >= LEAST_SECONDS]
    if short := len(sources) - len(usable):
        notes.append(f"{short} recordings are shorter than {LEAST_SECONDS:g} s and were omitted.")
    if not usable:
        raise InputError(f"none of {len(sources)} recordings is {LEAST_SECONDS:g} s long or longer; nothing to judge")
    chosen = _choose(usable, heard, which, notes)
    with_text = [one for one in chosen if one.words]
    if with_text and len(with_text) < len(chosen):
        notes.append(
            f"{len(chosen) - len(with_text)} recordings without text, or longer than {MOST_SECONDS:g} s, were omitted."
        )
        chosen = with_text
    drawn = in_turn(chosen, seed)[:count]
    if len(drawn) < count:
        notes.append(f"There are {len(drawn)} utterances, fewer than the {count} asked for.")
    if long := [one for one in drawn if one.duration_s > MOST_SECONDS]:
        notes.append(
            f"Only the first {MOST_SECONDS:g} s of {len(long)} longer recordings are judged, without their text: "
            f"{', '.join(one.id for one in long[:5])}."
        )
    known = [one for one in drawn if one.speaker in heard]
    if known and len(known) < len(drawn):
        notes.append(f"{len(known)} of {len(drawn)} utterances are by speakers that the model heard in training.")
    return Drawn(sources=tuple(drawn), notes=tuple(notes), heard=bool(known))


def _choose(usable: Sequence[Source], heard: Collection[str], which: Which, notes: list[str]) -> list[Source]:
    unheard = [one for one in usable if one.speaker not in heard]
    known = [one for one in usable if one.speaker in heard]
    if which == "unheard" or (which == "auto" and unheard):
        if not unheard:
            raise InputError("every speaker here was heard in training; --sources heard evaluates on them")
        if known:
            speakers = len({one.speaker for one in known})
            notes.append(
                f"{len(known)} utterances by {speakers} speakers that the model heard in training were excluded; "
                "--sources all includes them."
            )
        return unheard
    if which == "heard" or which == "auto":
        if not known:
            raise InputError("no speaker here was heard in training; --sources unheard evaluates on them")
        kept = [one for one in known if one.split == "test"] or [one for one in known if one.split == "valid"]
        notes.append(
            "All utterances are by speakers that the model heard in training"
            + (f"; they are of the split {kept[0].split}." if kept else ", and there is no held-out split.")
        )
        return kept or known
    return list(usable)


def in_turn(sources: Iterable[Source], seed: int) -> list[Source]:
    """Order sources by hash, one of each speaker in turn."""

    def hashed(text: str) -> str:
        return hashlib.sha256(f"{seed}/{text}".encode()).hexdigest()

    place: Counter[str] = Counter()
    order = []
    for one in sorted(sources, key=lambda one: hashed(one.id)):
        order.append((place[one.speaker], hashed(one.id), one))
        place[one.speaker] += 1
    return [one for _, _, one in sorted(order, key=lambda item: item[:2])]
