"""The plan of a bulk encoding: parts of the input, each keyed by everything its codes depend on."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vqspeech import audio
from vqspeech.checkpoints.directory import WEIGHTS
from vqspeech.codec.speech import SpeechCodec
from vqspeech.corpora.store import AudioStore
from vqspeech.corpora.store_shard import file_sha256
from vqspeech.encoding.tables import numbered, unique_names
from vqspeech.errors import InputError

UTTERANCES_PER_PART = 250
BYTES_PER_PART = 64 * 2**20
"""Limits of a part; the bytes are those of the audio files, or of the samples in a prepared corpus."""

FORMAT = 1
"""Format version of parts; parts of another format are encoded again."""


@dataclass(frozen=True, kw_only=True)
class TablePart:
    """A stretch of the input that one process encodes.

    Parameters
    ----------
    number : index among all parts
    key : hash of the model and of the input
    store, fingerprint : a prepared corpus, whose rows `first` to `stop` form the part; None and empty for files
    files : (path, id) of each file, without a store
    renamed : row of the store -> id in the table, for rows whose own id occurs elsewhere in the input
    pitch : whether F0 is stored as well
    """

    number: int
    key: str
    store: Path | None = None
    fingerprint: str = ""
    first: int = 0
    stop: int = 0
    files: tuple[tuple[Path, str], ...] = ()
    renamed: Mapping[int, str] = field(default_factory=dict)
    pitch: bool = False

    def __len__(self) -> int:
        return len(self.files) if self.store is None else self.stop - self.first


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Parts number - 1, number - 1 + of, ...: those that one of `of` processes encodes."""

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise InputError(f"shard {self.number}/{self.of} does not exist; shards of {self.of} are 1 to {self.of}")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse ``I/N``.

        Raises
        ------
        InputError : for any other text, or I outside 1 to N
        """
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal()):
            raise InputError(f"--shard {text!r} is not I/N, for example 1/4 for the first of four")
        return cls(number=int(number), of=int(of))

    @classmethod
    def of_rank(cls, environ: Mapping[str, str] = os.environ) -> Shard:
        """Return the shard of ``torchrun``'s RANK and WORLD_SIZE; all parts without these variables."""
        if "RANK" in environ and "WORLD_SIZE" in environ:
            if not environ["RANK"].isdecimal():
                raise InputError(f"the environment variable RANK is {environ['RANK']!r}; a whole number")
            return cls.parse(f"{int(environ['RANK']) + 1}/{environ['WORLD_SIZE']}")
        return cls()


@dataclass(frozen=True)
class Plan:
    """All parts, in the order of the merged table."""

    parts: tuple[TablePart, ...]
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", hashlib.sha256("".join(part.key for part in self.parts).encode()).hexdigest())

    def select(self, shard: Shard) -> tuple[TablePart, ...]:
        """Return the parts of a shard."""
        return self.parts[shard.number - 1 :: shard.of]


def make_plan(codec: SpeechCodec, inputs: Sequence[Path], rows: int, *, pitch: bool = False) -> Plan:
    """Divide the input into parts, by input and model only, not by the number of processes.

    Ids are unique over all inputs: of a prepared corpus, the rows whose id another input has as well get the name of
    the corpus's folder before it. A prepared corpus given twice is encoded once.

    Parameters
    ----------
    codec : the model
    inputs : audio files, folders of them, and prepared corpora
    rows : batch size, see `vqspeech.codec.chunks.ChunkEncoder`
    pitch : whether F0 is stored as well

    Raises
    ------
    InputError : for a missing path, a path without audio, or a prepared corpus of another sample rate
    CheckpointError : for a damaged prepared corpus
    """
    model = [FORMAT, file_sha256(codec.path / WEIGHTS), codec.device.type, rows, *(["pitch"] if pitch else [])]
    stores = [path for path in inputs if (path / "store.json").is_file()]
    others = [path for path in inputs if path not in stores]
    files = audio.find_audio(others) if others or not stores else []
    names = unique_names(files)
    opened = [_open(path, codec.sample_rate) for path in {path.resolve(): path for path in stores}.values()]
    renamed = _renamed(opened, names)
    parts: list[TablePart] = []
    for store, changed in zip(opened, renamed, strict=True):
        parts += _of_store(store, changed, model, len(parts))
    parts += _of_files(files, names, model, len(parts))
    return Plan(tuple(replace(part, pitch=pitch) for part in parts))


def _open(path: Path, sample_rate: int) -> AudioStore:
    """Open a prepared corpus of the model's sample rate."""
    store = AudioStore.open(path.absolute())
    if store.sample_rate != sample_rate:
        raise InputError(
            f"{path} was prepared at {store.sample_rate} Hz, the model takes {sample_rate} Hz; "
            "give its audio files instead"
        )
    return store


def _renamed(stores: Sequence[AudioStore], names: Sequence[str]) -> list[dict[int, str]]:
    """Return for each store its rows whose ids are not unique -> unique ids; `names` are ids of files."""
    if len(stores) + bool(names) < 2:
        return [{} for _ in stores]
    given = Counter(names)
    for store in stores:
        given.update(store.rows.ids())
    labels = unique_names([store.directory for store in stores])
    places, ids = [], list(names) + [name for name, times in given.items() if times == 1]
    before = len(ids)
    for number, store in enumerate(stores):
        for row, name in enumerate(store.rows.ids()):
            if given[name] > 1:
                places.append((number, row))
                ids.append(f"{labels[number]}-{name}")
    changed: list[dict[int, str]] = [{} for _ in stores]
    for (number, row), name in zip(places, numbered(ids)[before:], strict=True):
        changed[number][row] = name
    return changed


def _of_store(store: AudioStore, renamed: Mapping[int, str], model: list[Any], before: int) -> Iterator[TablePart]:
    for number, places in enumerate(_stretches(2 * store.lengths), start=before):
        changed = {row: renamed[row] for row in places if row in renamed}
        facts = [*model, store.fingerprint, places.start, places.stop]
        yield TablePart(
            number=number,
            key=_hash([*facts, sorted(changed.items())] if changed else facts),
            store=store.directory,
            fingerprint=store.fingerprint,
            first=places.start,
            stop=places.stop,
            renamed=changed,
        )


def _of_files(files: Sequence[Path], names: Sequence[str], model: list[Any], before: int) -> Iterator[TablePart]:
    for number, places in enumerate(_stretches(map(_size, files)), start=before):
        chosen = tuple((files[place].absolute(), names[place]) for place in places)
        states = [(str(path), name, _size(path), _changed_ns(path)) for path, name in chosen]
        yield TablePart(number=number, key=_hash([*model, states]), files=chosen)


def _stretches(sizes: Iterable[int]) -> Iterator[range]:
    first, total, place = 0, 0, -1
    for place, size in enumerate(sizes):
        total += int(size)
        if place + 1 - first >= UTTERANCES_PER_PART or total >= BYTES_PER_PART:
            yield range(first, place + 1)
            first, total = place + 1, 0
    if first <= place:
        yield range(first, place + 1)


def _size(path: Path) -> int:
    """Return the file size in bytes; 0 for unreadable files, which encoding reports."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _hash(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
