"""F0 of the utterances of an audio store, in files beside it.

- ``pitch.npy``: float32 (frames,), contours of all rows, one after the other; see `vqspeech.audio.pitch`
- ``pitch.json``: format version, tracker, and the fingerprint of the store; written last
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np
import numpy.typing as npt

from vqspeech.audio.pitch import PITCH_RATE, TRACKER, log_f0_statistics, track
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import InputError
from vqspeech.files import whole_file, write_json

FORMAT_VERSION = 1
"""Format of these files; others are measured anew."""

UNKNOWN = (5.0, 0.25)
"""Mean and standard deviation of log F0 where nothing is voiced."""


@dataclass(frozen=True, eq=False)
class Contours:
    """F0 of every row of a store.

    Parameters
    ----------
    frames : (frames,) contours of all rows, one after the other
    starts : (rows + 1,) first frame of each row, and the end
    sample_rate : rate of the store
    """

    frames: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]
    sample_rate: int

    def row(self, index: int) -> npt.NDArray[np.float32]:
        """Return the contour (frames,) of a row, a read-only view."""
        return self.frames[self.starts[index] : self.starts[index + 1]]

    def crop(self, index: int, start: int, count: int) -> npt.NDArray[np.float32]:
        """Return F0 (count,) of a crop that begins at a sample of a row: that of the frame at each frame's centre.

        Zero beyond the row's end.
        """
        row = self.row(index)
        places = ((np.arange(count) + 0.5) + start * PITCH_RATE / self.sample_rate).astype(np.int64)
        inside = places < len(row)
        result = np.zeros(count, np.float32)
        result[inside] = row[places[inside]]
        return result

    def statistics(
        self, store: AudioStore, indices: npt.NDArray[np.int64], speakers: Sequence[str]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return mean and standard deviation of log F0 over voiced frames, each (speakers,); see `log_f0_statistics`.

        A speaker without a voiced frame among these rows has those of all speakers.

        Parameters
        ----------
        store : the store of these contours
        indices : rows that count
        speakers : speaker ids
        """
        rows: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in store.speakers}
        for index in indices:
            rows[store.speakers[store.speaker_numbers[index]]].append(self.row(int(index)))
        known = {name: log_f0_statistics(np.concatenate(some)) for name, some in rows.items() if some}
        everybody = log_f0_statistics(
            np.concatenate([np.zeros(0, np.float32), *(row for some in rows.values() for row in some)])
        )
        found = np.array([known.get(name) or everybody or UNKNOWN for name in speakers], dtype=np.float32)
        return found[:, 0], found[:, 1].clip(0.01)


def contours(
    store: AudioStore, *, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Contours:
    """Open the contours of a store; measure and write them first where they are missing or of other audio.

    Processes that measure them at the same time write equal files.

    Parameters
    ----------
    store : the prepared corpus
    workers : number of threads, one per core when None; without effect on the result
    progress : called with (utterances done, utterances)

    Raises
    ------
    InputError : an unwritable folder, a full disk
    """
    lengths = [-(-int(length) * PITCH_RATE // store.sample_rate) for length in store.lengths]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    path, facts = store.directory / "pitch.npy", store.directory / "pitch.json"
    wanted = {"format_version": FORMAT_VERSION, "tracker": TRACKER, "fingerprint": store.fingerprint}
    frames = _opened(path, facts, wanted, int(starts[-1]))
    if frames is None:
        _measure(store, starts, path, workers, progress)
        try:
            write_json(facts, wanted)
        except OSError as error:
            raise _unwritable(path, error) from error
        frames = np.load(path, mmap_mode="r")
    return Contours(frames, starts, store.sample_rate)


def _opened(path: Path, facts: Path, wanted: dict[str, object], count: int) -> npt.NDArray[np.float32] | None:
    try:
        if json.loads(facts.read_bytes()) != wanted:
            return None
        if not path.is_file():
            return None
        frames: npt.NDArray[np.float32] = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, TypeError, SyntaxError, TokenError, ArithmeticError, MemoryError, RecursionError):
        # What a damaged header of a .npy file makes of numpy and Python's tokenizer.
        return None
    return frames if frames.shape == (count,) and frames.dtype == np.float32 else None


def _measure(
    store: AudioStore,
    starts: npt.NDArray[np.int64],
    path: Path,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    count = workers or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    frames = np.zeros(int(starts[-1]), np.float32)

    def measure(index: int) -> int:
        frames[starts[index] : starts[index + 1]] = track(store.waveform(index), store.sample_rate)
        return index

    # Threads: nearly all of the time is spent in the tracker's network, which does not hold Python's lock.
    with ThreadPoolExecutor(count) as pool:
        for done, _ in enumerate(pool.map(measure, range(len(store.rows))), start=1):
            if progress is not None:
                progress(done, len(store.rows))
    try:
        with whole_file(path) as partial, partial.open("wb") as file:
            np.save(file, frames)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"cannot write {path}: {error.strerror or error}; free some space, or prepare the corpus elsewhere"
    )
