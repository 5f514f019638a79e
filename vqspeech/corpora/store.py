"""The audio cache of a run: every utterance decoded once to int16 in one memory-mapped file, with a manifest.

A store is a folder of three files, written under a temporary name and renamed when whole:

- ``audio.i16``: little-endian int16 samples of all utterances, one after the other
- ``manifest.jsonl``: one row per utterance: id, path, speaker, text, split, start_sample, n_samples, phones ([start_s, end_s, label], ... or null)
- ``store.json``: format version, sample rate, counts, checksums, and the facts about the corpus
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.corpora.base import SPLITS, Corpus, Split
from vqspeech.corpora.store_writer import FORMAT_VERSION, fill
from vqspeech.errors import CheckpointError, InputError, unknown_name


@dataclass(frozen=True, kw_only=True)
class StoredUtterance:
    """One row of the manifest: an `Utterance` and where its samples are. The alignment counts from its first stored sample."""

    id: str
    path: Path
    speaker: str
    text: str | None
    split: Split
    start_sample: int
    n_samples: int
    alignment: Alignment | None


@dataclass(frozen=True, kw_only=True)
class CorpusFacts:
    """What reports tell about the corpus a store was made from; fields as in `Corpus`, ``skipped`` with the files that could not be decoded."""

    name: str
    root: Path
    variant: str
    synthetic: bool
    notes: tuple[str, ...]
    skipped: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class AudioStore:
    """A prepared corpus; open one with `AudioStore.open`.

    Parameters
    ----------
    directory : where it is
    sample_rate : of all its samples, in Hz
    rows : the utterances, in the corpus's order
    speakers : speaker ids, sorted
    corpus : facts about the corpus
    fingerprint : sha256 over samples, sample rate and rows without their paths; equal data gives equal fingerprints wherever it lies
    """

    directory: Path
    sample_rate: int
    rows: tuple[StoredUtterance, ...]
    speakers: tuple[str, ...]
    corpus: CorpusFacts
    fingerprint: str
    _audio: npt.NDArray[np.int16]
    _index: Mapping[str, int]

    @classmethod
    def open(cls, directory: Path | str, verify: bool = False) -> AudioStore:
        """Open a store: reads the manifest and maps the audio.

        Parameters
        ----------
        directory : what `prepare` wrote
        verify : also read all the audio and compare its checksum

        Raises
        ------
        CheckpointError : missing, torn, changed, or of a newer format
        """
        directory = Path(directory)
        facts = _header(directory)
        manifest = _read(directory / "manifest.jsonl")
        if hashlib.sha256(manifest).hexdigest() != facts["manifest_sha256"]:
            raise _torn(directory, "manifest.jsonl is not what store.json says")
        samples_path = directory / "audio.i16"
        size = samples_path.stat().st_size if samples_path.is_file() else -1
        if size != 2 * facts["samples"]:
            raise _torn(directory, f"audio.i16 has {max(size, 0)} bytes instead of {2 * facts['samples']}")
        if verify and _file_sha256(samples_path) != facts["audio_sha256"]:
            raise _torn(directory, "audio.i16 has another checksum")
        rows = tuple(_row(json.loads(line)) for line in manifest.decode("utf-8").splitlines())
        corpus = facts["corpus"]
        return cls(
            directory=directory,
            sample_rate=facts["sample_rate"],
            rows=rows,
            speakers=tuple(sorted({row.speaker for row in rows})),
            corpus=CorpusFacts(
                name=corpus["name"],
                root=Path(corpus["root"]),
                variant=corpus["variant"],
                synthetic=corpus["synthetic"],
                notes=tuple(corpus["notes"]),
                skipped=corpus["skipped"],
            ),
            fingerprint=facts["fingerprint"],
            _audio=np.memmap(samples_path, dtype="<i2", mode="r"),
            _index={row.id: index for index, row in enumerate(rows)},
        )

    @property
    def duration_s(self) -> float:
        """Length of all utterances together, in seconds."""
        return len(self._audio) / self.sample_rate

    def samples(self, index: int) -> npt.NDArray[np.int16]:
        """Samples of one row: int16 (n_samples,), a read-only view of the file."""
        row = self.rows[index]
        return self._audio[row.start_sample : row.start_sample + row.n_samples]

    def waveform(self, index: int) -> npt.NDArray[np.float32]:
        """Samples of one row: float32 (n_samples,) in [-1, 1)."""
        return self.samples(index).astype(np.float32) / np.float32(32768)

    def indices(self, split: Split) -> tuple[int, ...]:
        """Positions of one split's rows, ascending."""
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        return tuple(index for index, row in enumerate(self.rows) if row.split == split)

    def by_id(self, utterance: str) -> int:
        """The position of an utterance.

        Raises
        ------
        UnknownNameError : no such id
        """
        if utterance not in self._index:
            raise unknown_name("utterance", utterance, self._index)
        return self._index[utterance]


def prepare(
    corpus: Corpus,
    directory: Path | str,
    *,
    sample_rate: int = 16000,
    workers: int = 2,
    trim_db: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AudioStore:
    """Decode a corpus into a store; files that cannot be decoded or hold only silence are left out and named in ``corpus.skipped``.

    Parameters
    ----------
    corpus : what a reader gave
    directory : where to; an earlier store there is replaced once the new one is whole, anything else is left alone
    sample_rate : in Hz
    workers : threads that decode; the result does not depend on it
    trim_db : cut leading and trailing silence this far below the loudest part, see `vqspeech.audio.trim_silence`
    progress : called with (done, all)

    Raises
    ------
    CorpusError : not one usable utterance
    InputError : an unwritable folder, a full disk, or a directory that holds something else
    """
    directory = Path(directory).expanduser().absolute()
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    if directory.exists() and not (
        directory.is_dir() and ((directory / "store.json").is_file() or not any(directory.iterdir()))
    ):
        raise InputError(f"{directory} exists and is no audio store; choose another folder")
    staging: Path | None = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", suffix=".tmp", dir=directory.parent))
        staging.chmod(0o755)
        fill(staging, corpus, sample_rate, workers, trim_db, progress)
        _put_in_place(staging, directory)
    except OSError as error:
        raise InputError(
            f"cannot write the audio store {directory}: {error.strerror or error}; choose another folder or free some space"
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return AudioStore.open(directory)


def _row(row: dict[str, Any]) -> StoredUtterance:
    phones = row.pop("phones")
    alignment = None if phones is None else Alignment(tuple(Interval(*phone) for phone in phones))
    return StoredUtterance(**{**row, "path": Path(row["path"])}, alignment=alignment)


def _put_in_place(staging: Path, directory: Path) -> None:
    if not directory.exists():
        staging.rename(directory)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", suffix=".old", dir=directory.parent))
    old = directory.rename(aside / directory.name)
    try:
        staging.rename(directory)
    except OSError:
        old.rename(directory)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _header(directory: Path) -> dict[str, Any]:
    if not (directory / "store.json").is_file():
        raise CheckpointError(f"{directory}: no audio store here (no store.json); prepare the corpus again")
    try:
        facts: dict[str, Any] = json.loads(_read(directory / "store.json"))
        version = int(facts["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise _torn(directory, f"store.json cannot be read ({error})") from error
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"{directory}: format {version} is newer than this vqspeech knows ({FORMAT_VERSION}); update vqspeech or prepare again"
        )
    return facts


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _torn(path.parent, f"{path.name}: {error.strerror or error}") from error


def _torn(directory: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{directory}: the audio store is damaged: {what}. Delete it and prepare the corpus again")


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
