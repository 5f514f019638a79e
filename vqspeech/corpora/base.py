"""Corpora: `Utterance`, `Corpus`, and splits by hash."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vqspeech.alignment.base import Alignment

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """One recording of one speaker.

    Parameters
    ----------
    id : unique within its corpus, safe as a file name (letters, digits, ``.``, ``_``, ``-``)
    path : the audio file, absolute
    speaker : speaker id in the corpus's own spelling
    text : transcript, or None where the corpus has none
    split : ``train``, ``valid`` or ``test``; see `split_of`
    duration_s : length in seconds, from the file's header
    alignment : phone alignment, or None
    """

    id: str
    path: Path
    speaker: str
    text: str | None
    split: Split
    duration_s: float
    alignment: Alignment | None = None


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Utterances and their origin.

    Parameters
    ----------
    name : registered name of the reader, for example ``"vctk"``
    root : the corpus folder
    variant : a description of the data, for example ``"VCTK 0.92, mic1"``
    utterances : sorted by id
    skipped : path -> reason for every file that could not be used
    synthetic : whether the speech is synthetic (the demo corpus); reports say so
    notes : facts about the corpus for its user, one sentence each
    """

    name: str
    root: Path
    variant: str
    utterances: tuple[Utterance, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False
    notes: tuple[str, ...] = ()

    @property
    def speakers(self) -> tuple[str, ...]:
        """Speaker ids, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))

    @property
    def duration_s(self) -> float:
        """Total length of all utterances in seconds."""
        return sum(u.duration_s for u in self.utterances)

    def subset(self, utterances: Iterable[Utterance]) -> Corpus:
        """Return the same corpus with only the given utterances."""
        return dataclasses.replace(self, utterances=tuple(utterances))

    def split(self, name: Split) -> tuple[Utterance, ...]:
        """Return the utterances of one split."""
        return tuple(u for u in self.utterances if u.split == name)


@dataclass(frozen=True, kw_only=True)
class CorpusFacts:
    """Facts that a store keeps about its corpus; fields as in `Corpus`, for data of any kind.

    Parameters
    ----------
    skipped : path -> reason, including files that could not be decoded
    """

    name: str
    root: Path
    variant: str
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)


def split_of(key: str, *, valid: float = 0.05, test: float = 0.05) -> Split:
    """Assign an utterance, or a speaker for speaker-disjoint splits, to a split by a hash of its id.

    The result depends on the key only, so adding or losing files never moves an utterance to another split.

    Parameters
    ----------
    key : utterance id, or speaker id when splitting by speaker
    valid, test : shares of the two held-out splits, each in [0, 1)
    """
    position = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if position < test:
        return "test"
    return "valid" if position < test + valid else "train"
