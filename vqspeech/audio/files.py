"""Read and write audio files (any format of soundfile to 16-bit wav or flac), resample, trim.

Importing this module loads neither torch nor librosa; the functions that need them import them.
"""

from __future__ import annotations

import io
import math
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from vqspeech.errors import AudioError, InputError

_WAV_DATA = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_STREAMED_WAV_BYTES = 0x7FFFF000
_CONTAINERS_WITHOUT_LENGTH = ("MP3", "MPEG")


@dataclass(frozen=True)
class AudioInfo:
    """Facts from the header of an audio file.

    Parameters
    ----------
    duration_s : length in seconds
    sample_rate : samples per second of one channel
    channels : number of channels
    """

    duration_s: float
    sample_rate: int
    channels: int


@dataclass(frozen=True)
class Trimmed:
    """Samples without leading and trailing silence, and the number of samples cut at the start."""

    samples: npt.NDArray[np.float32]
    offset_samples: int


def read(path: str | Path, sample_rate: int = 16000) -> npt.NDArray[np.float32]:
    """Read an audio file as mono at a given sample rate.

    Averages channels (of those that cancel each other it takes the loudest, see `vqspeech.audio.channels`) and
    resamples with soxr (HQ) to ``ceil(frames * sample_rate / rate)`` samples.

    Parameters
    ----------
    path : any format, rate and channel count that libsndfile reads: wav, flac, ogg, mp3, NIST sphere, ...
    sample_rate : rate of the result, in Hz

    Returns
    -------
    float32 (time,), nominally in [-1, 1]; float files may go beyond

    Raises
    ------
    AudioError : missing, a folder, not audio, truncated, empty, or with NaN or infinite samples
    """
    if sample_rate <= 0:
        raise InputError(f"sample rate {sample_rate} Hz is not positive")
    with opened(path) as file:
        rate, samples = file.samplerate, np.concatenate(list(mono(path, file)))
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioError(f"{path}: {bad} of {len(samples)} samples are NaN or infinite")
    return resample(samples, rate, sample_rate)


def mono(path: str | Path, file: Any, block_samples: int = 1 << 16) -> Iterator[npt.NDArray[np.float32]]:
    """Decode an open file block by block, averaging channels; checks its length at the end.

    Channels that cancel each other are not averaged; see `vqspeech.audio.channels`.
    """
    import soundfile

    from vqspeech.audio.channels import uncancelled

    _check_length(path, file)
    count, declared = 0, file.frames
    channel = uncancelled(path, file, block_samples) if file.channels > 1 else None
    try:
        while len(block := file.read(block_samples, dtype="float32", always_2d=True)):
            count += len(block)
            if channel is not None:
                yield np.ascontiguousarray(block[:, channel])
            else:
                yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path}: broken or truncated audio ({reason(error)})") from error
    declared_is_exact = file.format not in _CONTAINERS_WITHOUT_LENGTH and declared < 1 << 48
    if declared_is_exact and count < declared:
        raise AudioError(f"{path}: truncated: the header promises {declared} samples, {count} could be decoded")
    if not count:
        raise AudioError(f"{path}: holds no samples")


def resample(samples: npt.NDArray[np.float32], source_rate: int, target_rate: int) -> npt.NDArray[np.float32]:
    """Resample (time,) with soxr (HQ, no delay) to ceil(time * target_rate / source_rate) samples."""
    if source_rate == target_rate:
        return np.ascontiguousarray(samples, dtype=np.float32)
    import soxr

    length = math.ceil(len(samples) * target_rate / source_rate)
    resampled = soxr.resample(np.asarray(samples, dtype=np.float32), source_rate, target_rate, quality="HQ")[:length]
    return np.pad(resampled, (0, length - len(resampled))).astype(np.float32, copy=False)


def probe(path: str | Path) -> AudioInfo:
    """Read duration, sample rate and channels from the header, without decoding.

    Raises
    ------
    AudioError : missing, a folder, not audio, shorter than its header says, or without samples
    """
    with opened(path) as file:
        _check_length(path, file)
        if file.frames <= 0:
            raise AudioError(f"{path}: holds no samples")
        return AudioInfo(file.frames / file.samplerate, file.samplerate, file.channels)


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


def opened(path: str | Path) -> Any:
    """Open an audio file as a `soundfile.SoundFile`; raises `AudioError` with the reason."""
    import soundfile

    path = Path(path)
    try:
        if path.is_dir():
            raise AudioError(f"{path}: is a folder, not an audio file")
        if not path.exists():
            raise AudioError(f"{path}: no such file")
        if path.stat().st_size == 0:
            raise AudioError(f"{path}: is empty (0 bytes)")
        with path.open("rb"):
            pass
        return soundfile.SoundFile(str(path))
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened: {error.strerror or error}") from error
    except (soundfile.LibsndfileError, TypeError) as error:
        raise AudioError(f"{path}: not audio that can be read ({reason(error)})") from error


def _check_length(path: str | Path, file: Any) -> None:
    """Check the data size of a wav's header, which libsndfile corrects silently."""
    if match := _WAV_DATA.search(file.extra_info):
        declared, present = int(match[1]), int(match[2])
        if present < declared < _STREAMED_WAV_BYTES:
            raise AudioError(
                f"{path}: truncated: the header promises {declared} bytes of samples, the file holds {present}"
            )


def reason(error: Exception) -> str:
    """Return libsndfile's message."""
    return str(getattr(error, "error_string", "") or error).strip().rstrip(".")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
