"""Write audio files (16-bit wav or flac), resample, trim.

Importing this module loads neither torch nor librosa; the functions that need them import them.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from vqspeech.audio.opening import reason
from vqspeech.errors import AudioError, InputError


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
    path, container = Path(path), container_of(path)
    pcm = to_int16(samples)
    import soundfile

    encoded = io.BytesIO()
    try:
        soundfile.write(encoded, pcm, sample_rate, format=container, subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise InputError(f"cannot write {path} at {sample_rate} Hz: {reason(error)}") from error
    with replacing(path) as file:
        file.write(encoded.getbuffer())


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
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder")
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "w+b") as file:
            yield file
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; choose another folder or free some space"
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
