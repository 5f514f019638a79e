"""Prepared corpora: utterances decoded to int16, in memory-mapped shards with an index.

A store is a folder, written atomically:

- ``shards/00000.i16``, ...: little-endian int16 samples of the utterances, one after the other
- ``index.arrow``: one row per utterance, see `vqspeech.corpora.store_index`
- ``store.json``: format version, sample rate, counts, checksums, speakers, and the facts about the corpus
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vqspeech.corpora.base import SPLITS, Corpus, CorpusFacts, Split
from vqspeech.corpora.store_header import Shard, damaged, read_header
from vqspeech.corpora.store_index import StoredRows, StoredUtterance
from vqspeech.corpora.store_shard import file_sha256, shard_path
from vqspeech.corpora.store_writer import fill
from vqspeech.errors import CorpusError, InputError, unknown_name
from vqspeech.files import put_in_place

__all__ = ["AudioStore", "CorpusFacts", "StoredUtterance", "prepare"]

_OPEN_SHARDS = 256
"""Number of shards mapped at a time; each holds a file descriptor."""


@dataclass(frozen=True, eq=False)
class AudioStore:
    """A prepared corpus; open one with `AudioStore.open`.

    Parameters
    ----------
    directory : its path
    sample_rate : rate of all samples, in Hz
    rows : utterances in the corpus's order
    speakers : speaker ids, sorted
    corpus : facts about the corpus
    fingerprint : sha256 over samples, sample rate and rows without their paths: equal for equal data
    """

    directory: Path
    sample_rate: int
    rows: StoredRows
    speakers: tuple[str, ...]
    corpus: CorpusFacts
    fingerprint: str
    _shard: Callable[[int], npt.NDArray[np.int16]]

    @classmethod
    def open(cls, directory: Path | str, verify: bool = False) -> AudioStore:
        """Open a store: map the index and verify its checksum; shards are mapped on first use.

        Parameters
        ----------
        directory : a folder that `prepare` wrote
        verify : also read all audio and verify its checksums

        Raises
        ------
        CheckpointError : missing, torn, changed, or of another format
        """
        directory = Path(directory)
        header = read_header(directory)
        index = directory / "index.arrow"
        try:
            if index.exists() and not index.is_file():
                raise damaged(directory, "index.arrow is not a file")
            if file_sha256(index) != header.index_sha256:
                raise damaged(directory, "index.arrow is not what store.json says")
            rows = StoredRows(index, header.speakers, [(shard.utterances, shard.samples) for shard in header.shards])
        except (OSError, ValueError, pa.ArrowException) as error:
            raise damaged(directory, f"index.arrow: {getattr(error, 'strerror', None) or error}") from error
        for number, shard in enumerate(header.shards):
            _check_shard(directory, number, shard, verify)
        _clear(directory)
        return cls(
            directory=directory,
            sample_rate=header.sample_rate,
            rows=rows,
            speakers=header.speakers,
            corpus=header.corpus,
            fingerprint=header.fingerprint,
            _shard=lru_cache(_OPEN_SHARDS)(partial(_map, directory)),
        )

    @property
    def duration_s(self) -> float:
        """Total length of all utterances in seconds."""
        return int(self.lengths.sum()) / self.sample_rate

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(rows,) length of each utterance in samples."""
        return self.rows.lengths

    @property
    def speaker_numbers(self) -> npt.NDArray[np.int32]:
        """(rows,) index of each row's speaker in `speakers`."""
        return self.rows.speaker_numbers

    def samples(self, index: int, start: int = 0, stop: int | None = None) -> npt.NDArray[np.int16]:
        """Return the samples of a row, or a slice of them: int16 (n_samples,), a read-only view."""
        first, length = int(self.rows.starts[index]), int(self.lengths[index])
        stop = length if stop is None else min(stop, length)
        return self._shard(self.rows.shard(index))[first + start : first + stop]

    def waveform(self, index: int) -> npt.NDArray[np.float32]:
        """Return the samples of one row: float32 (n_samples,) in [-1, 1)."""
        return self.samples(index).astype(np.float32) / np.float32(32768)

    def indices(self, split: Split) -> npt.NDArray[np.int64]:
        """Return the positions of one split's rows, ascending."""
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        return np.flatnonzero(self.rows.splits == SPLITS.index(split))

    def by_id(self, utterance: str) -> int:
        """Return the position of an utterance.

        Raises
        ------
        UnknownNameError : an unknown id
        """
        position = self.rows.position(utterance)
        if position is None:
            raise unknown_name("utterance", utterance, self.rows.ids())
        return position


def prepare(
    corpus: Corpus,
    directory: Path | str,
    *,
    sample_rate: int = 16000,
    workers: int | None = None,
    trim_db: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AudioStore:
    """Decode a corpus into a store; undecodable and silent files are listed in ``corpus.skipped``.

    Shards are written to a hidden folder beside the store. After a kill or a full disk, the next call with the same
    corpus and settings verifies the checksums of finished shards and continues.

    Parameters
    ----------
    corpus : a corpus as a reader returns it
    directory : the store; an earlier store is replaced when the new one is complete; other contents are an error
    sample_rate : rate in Hz
    workers : decoding processes, None for one per core, without effect on the result; one shard needs no other process
    trim_db : cut leading and trailing silence, see `vqspeech.audio.trim_silence`
    progress : called with (done, total)

    Raises
    ------
    CorpusError : no usable utterance
    InputError : an unwritable folder, a full disk, a directory with other contents or one that another process writes
    VQSpeechError : a decoding process died
    """
    directory = Path(directory).expanduser().absolute()
    workers = _cores() if workers is None else workers
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    if directory.exists() and not (directory.is_dir() and (_is_store(directory) or not any(directory.iterdir()))):
        raise InputError(f"{directory} exists and is no audio store; choose another folder")
    staging = directory.with_name(f".{directory.name}.part")
    try:
        with _alone(staging):
            fill(staging, corpus, sample_rate, workers, trim_db, progress)
            put_in_place(staging, directory, ours=_is_ours)
            _clear(directory)
    except CorpusError:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    except OSError as error:
        finished = len(list(staging.glob("rows/*.json")))
        if not finished:
            shutil.rmtree(staging, ignore_errors=True)
        kept = f" (the {finished} finished shards in {staging} are kept for the next call)" if finished else ""
        raise InputError(
            f"cannot write the audio store {directory}: {error.strerror or error}; "
            f"choose another folder or free some space{kept}"
        ) from error
    return AudioStore.open(directory)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _alone(staging: Path) -> Iterator[None]:
    """Lock the folder of an unfinished store, where the system supports locks."""
    staging.mkdir(parents=True, exist_ok=True)
    with (staging / "lock").open("w") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except BlockingIOError:
            raise InputError(
                f"another process prepares this store (it has locked {staging}/lock); "
                "wait until it ends, or choose another folder"
            ) from None
        yield


def _clear(directory: Path) -> None:
    """Delete from a finished store what it was made with, which a process leaves that is killed at its end."""
    lock, rows = directory / "lock", directory / "rows"
    with suppress(OSError):
        if not lock.stat().st_size:
            lock.unlink()
    with suppress(OSError):
        for path in rows.iterdir():
            if _is_ours(f"rows/{path.name}"):
                path.unlink(missing_ok=True)
        rows.rmdir()


def _map(directory: Path, number: int) -> npt.NDArray[np.int16]:
    return np.memmap(shard_path(directory, number), dtype="<i2", mode="r")


def _check_shard(directory: Path, number: int, shard: Shard, verify: bool) -> None:
    path = shard_path(directory, number)
    size = path.stat().st_size if path.is_file() else -1
    if size != 2 * shard.samples:
        raise damaged(directory, f"shards/{path.name} has {max(size, 0)} bytes instead of {2 * shard.samples}")
    if verify and file_sha256(path) != shard.audio_sha256:
        raise damaged(directory, f"shards/{path.name} has another checksum")


_OURS = re.compile(r"(?:store|pitch)\.json|index\.arrow|pitch\.npy|lock|shards/\d+\.i16|rows/\d+\.(?:arrow|json)")


def _is_ours(name: str) -> bool:
    """Return whether a file of a store, by its path there, is of vqspeech."""
    return _OURS.fullmatch(name) is not None


def _is_store(directory: Path) -> bool:
    """Return whether a directory holds a store, torn or not, and not another program's store.json."""
    try:
        facts = json.loads((directory / "store.json").read_bytes())
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return (directory / "index.arrow").is_file()
    return isinstance(facts, dict) and ("index_sha256" in facts or (directory / "index.arrow").is_file())
