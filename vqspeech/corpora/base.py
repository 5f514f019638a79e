"""The contract between corpora and everything that uses speech: `Utterance`, `Corpus`, splits by hash."""

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
    speaker : speaker id, as the corpus names it
    text : what is said, or None where the corpus does not tell
    split : ``train``, ``valid`` or ``test``; see `split_of`
    duration_s : length in seconds, from the file's header
    alignment : phone alignment, or None where there is none
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
    """Utterances with where they come from.

    Parameters
    ----------
    name : registered name of the reader, for example ``"vctk"``
    root : the folder read
    variant : what was found there, in words, for example ``"VCTK 0.92, mic1"``
    utterances : sorted by id
    skipped : path -> reason for every file that was found and could not be used
    synthetic : True where no human spoke (the demo corpus); reports say so loudly
    notes : facts about the corpus worth telling, one sentence each
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
        """Length of all utterances together, in seconds."""
        return sum(u.duration_s for u in self.utterances)

    def subset(self, utterances: Iterable[Utterance]) -> Corpus:
        """The same corpus with only the given utterances."""
        return dataclasses.replace(self, utterances=tuple(utterances))

    def split(self, name: Split) -> tuple[Utterance, ...]:
        """The utterances of one split."""
        return tuple(u for u in self.utterances if u.split == name)


@dataclass(frozen=True, kw_only=True)
class CorpusFacts:
    """Facts that a store keeps about the corpus it was made from; fields as in `Corpus`, for data of any kind.

    Parameters
    ----------
    skipped : path -> reason, with the files that could not be decoded
    """

    name: str
    root: Path
    variant: str
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)


def split_of(key: str, *, valid: float = 0.05, test: float = 0.05) -> Split:
    """The split of an utterance (or, for speaker-disjoint splits, of a speaker), from a hash of its id.

    It depends on nothing but the key, so adding or losing files never moves an utterance from one split to another.

    Parameters
    ----------
    key : utterance id, or speaker id when splitting by speaker
    valid, test : shares of the two held-out splits, each in [0, 1)
    """
    position = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if position < test:
        return "test"
    return "valid" if position < test + valid else "train"
