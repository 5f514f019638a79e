"""Write audio files (16-bit wav or flac), resample, trim.

Importing this module loads neither torch nor librosa; the functions that need them import them.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from vqspeech.audio.opening import reason
from vqspeech.errors import AudioError, InputError
from vqspeech.temporary import temporary_file

SOFTWARE = "vqspeech"
"""The software that audio files of vqspeech name; it tells them from a user's files."""


@dataclass(frozen=True)
class Trimmed:
    """Samples without leading and trailing silence, and the number of samples cut at the start."""

    samples: npt.NDArray[np.float32]
    offset_samples: int


def resample(samples: npt.NDArray[np.float32], source_rate: int, target_rate: int) -> npt.NDArray[np.float32]:
    """Resample (time,) with soxr (HQ, no delay) to ceil(time * target_rate / source_rate) samples."""
    if source_rate == target_rate:
        return np.ascontiguousarray(samples, dtype=np.float32)
    import soxr

    length = math.ceil(len(samples) * target_rate / source_rate)
    resampled = soxr.resample(np.asarray(samples, dtype=np.float32), source_rate, target_rate, quality="HQ")[:length]
    return np.pad(resampled, (0, length - len(resampled))).astype(np.float32, copy=False)


def write(path: str | Path, samples: npt.ArrayLike, sample_rate: int) -> None:
    """Write a mono 16-bit wav or flac, atomically.

    Writes under a temporary name in the same folder and renames; replaces an existing file and creates missing folders.

    Parameters
    ----------
    path : ends in ``.wav`` or ``.flac``
    samples : float (time,), clipped to [-1, 1), or int16 (time,)
    sample_rate : rate in Hz

    Raises
    ------
    InputError : another file name ending or shape, an unwritable folder, a full disk
    AudioError : NaN or infinite samples
    """
    import soundfile

    path, container = Path(path), container_of(path)
    try:
        content = file_content(samples, sample_rate, container)
    except soundfile.LibsndfileError as error:
        raise InputError(f"cannot write {path} at {sample_rate} Hz: {reason(error)}") from error
    with replacing(path) as file:
        file.write(content)


def file_content(samples: npt.ArrayLike, sample_rate: int, container: str = "WAV") -> memoryview:
    """Return the content of a mono 16-bit audio file, as `write` writes it.

    Parameters
    ----------
    samples : float (time,), clipped to [-1, 1), or int16 (time,)
    sample_rate : rate in Hz
    container : result of `container_of`

    Raises
    ------
    InputError, AudioError : as `to_int16`
    soundfile.LibsndfileError : for a rate that the format does not have
    """
    pcm = to_int16(samples)
    import soundfile

    encoded = io.BytesIO()
    with soundfile.SoundFile(encoded, "w", sample_rate, 1, "PCM_16", format=container) as sound:
        sound.software = SOFTWARE
        sound.write(pcm)
    return encoded.getbuffer()


def is_ours(path: str | Path) -> bool:
    """Return whether a file is audio that vqspeech wrote, by the software that it names."""
    import soundfile

    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            return bool(file.copy_metadata().get("software", "").startswith(SOFTWARE))
    except (soundfile.LibsndfileError, OSError, TypeError):
        return False


def require_replaceable(path: str | Path) -> None:
    """Check that writing an audio file does not lose one that vqspeech did not write.

    Raises
    ------
    InputError : for a folder, or an existing file that does not name `SOFTWARE`
    """
    if os.path.lexists(path) and not is_ours(path):
        raise InputError(f"{path} exists and was not written by vqspeech; move it away or give another --out")


def container_of(path: str | Path) -> str:
    """Return libsndfile's name of the format that a file name ends in, ``WAV`` or ``FLAC``.

    Raises
    ------
    InputError : another ending
    """
    formats = {".wav": "WAV", ".flac": "FLAC"}
    container = formats.get(Path(path).suffix.lower())
    if container is None:
        raise InputError(f"cannot write {path}: the name must end in {' or '.join(formats)}")
    return container


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that replaces `path` at the end, or is deleted after an error.

    Raises
    ------
    InputError : an unwritable folder, a full disk
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder")
        with temporary_file(path) as temporary:
            with temporary.open("r+b") as file:
                yield file
            temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; choose another folder or free some space"
        ) from error


def to_int16(samples: npt.ArrayLike) -> npt.NDArray[np.int16]:
    """Convert samples (time,) to int16; floats are rounded and clipped to [-1, 1).

    Raises
    ------
    InputError : not one-dimensional
    AudioError : NaN or infinite samples
    """
    array = np.asarray(samples)
    if array.ndim != 1:
        raise InputError(f"expected mono samples of shape (time,), got {array.shape}")
    if array.dtype == np.int16:
        return array
    if not np.isfinite(array).all():
        raise AudioError(f"{int(np.count_nonzero(~np.isfinite(array)))} of {len(array)} samples are NaN or infinite")
    return np.clip(np.rint(array.astype(np.float64) * 32768), -32768, 32767).astype(np.int16)


def trim_silence(samples: npt.NDArray[np.float32], top_db: float) -> Trimmed:
    """Cut leading and trailing silence, ``top_db`` dB below the loudest frame.

    Parameters
    ----------
    samples : float32 (time,)
    top_db : positive threshold in dB; 30 cuts what is inaudible beside normal speech
    """
    if not top_db > 0:
        raise InputError(f"top_db must be positive, got {top_db}")
    import librosa

    frame = min(2048, max(1, len(samples)))
    kept, (start, _) = librosa.effects.trim(samples, top_db=top_db, frame_length=frame, hop_length=max(1, frame // 4))
    return Trimmed(np.ascontiguousarray(kept, dtype=np.float32), int(start))
