"""Probe and decode audio files: mono, at a given rate, limited to full scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.audio.files import resample
from vqspeech.audio.full_scale import FullScale, limited
from vqspeech.audio.opening import opened, reason, says_length
from vqspeech.errors import AudioError, InputError

MOST_SAMPLES = 1 << 31
"""Samples of a recording that is read at once, before and after resampling: 37 hours at 16 kHz, 8 GB."""

_MP3_TOLERANCE = 3 * 1152
"""Samples that an MP3 may lack without being taken for truncated: encoders count delays differently."""

_CHANNELS = 8
"""Files of more channels are decoded in smaller blocks."""


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
class Counted:
    """The samples of a file, and how many of its own lay beyond full scale.

    Parameters
    ----------
    samples : float32 (time,) in [-1, 1)
    full_scale : counts over the file's samples, before resampling
    """

    samples: npt.NDArray[np.float32]
    full_scale: FullScale


def read(path: str | Path, sample_rate: int = 16000) -> npt.NDArray[np.float32]:
    """Read an audio file as mono at a given sample rate.

    Averages channels (of those that cancel each other it takes the loudest, see `vqspeech.audio.channels`) and
    resamples with soxr (HQ) to ``ceil(frames * sample_rate / rate)`` samples. Samples beyond full scale, which float
    files may hold, are limited to it with a warning.

    Parameters
    ----------
    path : any format, rate and channel count that libsndfile reads: wav, flac, ogg, mp3, NIST sphere, ...
    sample_rate : rate of the result, in Hz

    Returns
    -------
    float32 (time,) in [-1, 1)

    Raises
    ------
    AudioError : missing, a folder or a pipe, not audio, truncated, empty, too long to be held, of another scale (see
        `vqspeech.audio.full_scale`), or with NaN or infinite samples
    """
    found = counted(path, sample_rate)
    found.full_scale.warn()
    return found.samples


def counted(path: str | Path, sample_rate: int) -> Counted:
    """Read an audio file as `read` does, with counts instead of a warning."""
    if sample_rate <= 0:
        raise InputError(f"sample rate {sample_rate} Hz is not positive")
    with opened(path) as file:
        rate, full_scale = file.samplerate, FullScale(path, file.format)
        if says_length(file):
            _check_size(path, max(file.frames, file.frames * sample_rate // rate), rate)
        try:
            samples = full_scale.limit(_whole(path, file))
            full_scale.check()
            _check_size(path, len(samples) * sample_rate // rate, rate)
            return Counted(limited(resample(samples, rate, sample_rate)), full_scale)
        except MemoryError as error:
            raise AudioError(
                f"{path}: does not fit into memory; cut it into shorter recordings, or encode it elsewhere"
            ) from error


def probe(path: str | Path) -> AudioInfo:
    """Read duration, sample rate and channels from the header; decode only where the header says no length.

    Raises
    ------
    AudioError : missing, a folder, not audio, shorter than its header says, or without samples
    """
    with opened(path) as file:
        frames = file.frames
        if not says_length(file):
            frames = sum(map(len, mono(path, file)))
        if frames <= 0:
            raise AudioError(f"{path}: holds no samples")
        return AudioInfo(frames / file.samplerate, file.samplerate, file.channels)


def mono(path: str | Path, file: Any, block_samples: int = 1 << 16) -> Iterator[npt.NDArray[np.float32]]:
    """Decode an open file block by block, averaging channels; checks its length at the end.

    Channels that cancel each other are not averaged; see `vqspeech.audio.channels`.
    """
    import soundfile

    from vqspeech.audio.channels import uncancelled

    block_samples = max(1, block_samples * _CHANNELS // max(_CHANNELS, file.channels))
    count, declared = 0, file.frames
    channel = None
    if file.channels > 1:
        with opened(path) as first:
            channel = uncancelled(path, first, block_samples)
    try:
        while len(block := file.read(block_samples, dtype="float32", always_2d=True)):
            count += len(block)
            if channel is not None:
                yield np.ascontiguousarray(block[:, channel])
            else:
                yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path}: broken or truncated audio ({reason(error)})") from error
    tolerance = _MP3_TOLERANCE if file.format in ("MP3", "MPEG") else 0
    if says_length(file) and count < declared - tolerance:
        raise AudioError(f"{path}: truncated: the header promises {declared} samples, {count} could be decoded")
    if not count:
        raise AudioError(f"{path}: holds no samples")


def _whole(path: str | Path, file: Any) -> npt.NDArray[np.float32]:
    """Decode an open file at once; its samples are finite, and at most `MOST_SAMPLES`."""
    blocks, count = [], 0
    for block in mono(path, file):
        count += len(block)
        _check_size(path, count, file.samplerate)
        blocks.append(block)
    samples = np.concatenate(blocks)
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioError(f"{path}: {bad} of {len(samples)} samples are NaN or infinite")
    return samples


def _check_size(path: str | Path, samples: int, rate: int) -> None:
    if samples > MOST_SAMPLES:
        raise AudioError(
            f"{path}: {samples} samples at {rate} Hz are more than can be read at once ({MOST_SAMPLES}); cut it into "
            "shorter recordings"
        )
