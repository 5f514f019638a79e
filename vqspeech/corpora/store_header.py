"""The ``store.json`` of an audio store: read, and checked before anything is opened by it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqspeech.config.model import MOST_RATE
from vqspeech.corpora.base import CorpusFacts
from vqspeech.corpora.store_shard import FORMAT_VERSION
from vqspeech.errors import CheckpointError
from vqspeech.untrusted import items, json_object, table, text, texts, whole

MOST_SAMPLES = 2**60
"""Most samples of a shard that a store may name; no file is as large."""

HEADER = "store.json"


@dataclass(frozen=True)
class Shard:
    """The samples of a shard, and their checksum.

    Parameters
    ----------
    utterances, samples : their numbers
    audio_sha256 : checksum of the file of samples
    """

    utterances: int
    samples: int
    audio_sha256: str


@dataclass(frozen=True, kw_only=True)
class StoreHeader:
    """The values of a ``store.json``; see `vqspeech.corpora.store`."""

    sample_rate: int
    index_sha256: str
    fingerprint: str
    speakers: tuple[str, ...]
    corpus: CorpusFacts
    shards: tuple[Shard, ...]


def read_header(directory: Path) -> StoreHeader:
    """Read the header of a store.

    Raises
    ------
    CheckpointError : missing, torn, of another format, or with values of other types or out of range
    """
    path = directory / HEADER
    if not path.is_file():
        raise CheckpointError(f"{directory}: no audio store here (no {HEADER}); prepare the corpus again")
    try:
        facts = json_object(path.read_bytes())
        version = whole(facts.get("format_version"), "format_version")
    except (OSError, ValueError) as error:
        raise damaged(directory, f"{HEADER} cannot be read ({error})") from error
    if version != FORMAT_VERSION:
        how = "newer" if version > FORMAT_VERSION else "older"
        raise CheckpointError(
            f"{directory}: format {version} is {how} than what this vqspeech reads ({FORMAT_VERSION}); "
            f"{'update vqspeech, or ' if how == 'newer' else ''}delete this folder and prepare the corpus again"
        )
    try:
        return StoreHeader(
            sample_rate=whole(facts.get("sample_rate"), "sample_rate", 1, MOST_RATE),
            index_sha256=text(facts.get("index_sha256"), "index_sha256"),
            fingerprint=text(facts.get("fingerprint"), "fingerprint"),
            speakers=_speakers(facts.get("speakers")),
            corpus=_corpus(facts.get("corpus")),
            shards=tuple(_shard(one, f"shards[{n}]") for n, one in enumerate(items(facts.get("shards"), "shards"))),
        )
    except ValueError as error:
        raise damaged(directory, f"{HEADER}: {error}") from error


def damaged(directory: Path, what: str) -> CheckpointError:
    """Return the error for a damaged store."""
    return CheckpointError(f"{directory}: the audio store is damaged: {what}. Delete it and prepare the corpus again")


def _speakers(value: Any) -> tuple[str, ...]:
    speakers = texts(value, "speakers")
    if len(set(speakers)) < len(speakers):
        raise ValueError("several speakers have the same name")
    return speakers


def _corpus(value: Any) -> CorpusFacts:
    facts = table(value, "corpus")
    skipped = table(facts.get("skipped"), "corpus.skipped")
    return CorpusFacts(
        name=text(facts.get("name"), "corpus.name"),
        root=Path(text(facts.get("root"), "corpus.root").replace("\0", "")),
        variant=text(facts.get("variant"), "corpus.variant"),
        synthetic=facts.get("synthetic") is True,
        notes=texts(facts.get("notes"), "corpus.notes"),
        skipped={path: text(reason, "a reason in corpus.skipped") for path, reason in skipped.items()},
    )


def _shard(value: Any, name: str) -> Shard:
    facts = table(value, name)
    return Shard(
        utterances=whole(facts.get("utterances"), f"{name}.utterances"),
        samples=whole(facts.get("samples"), f"{name}.samples", most=MOST_SAMPLES),
        audio_sha256=text(facts.get("audio_sha256"), f"{name}.audio_sha256"),
    )
