"""Measure F0: contours at 100 frames a second, 0 for unvoiced."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

PITCH_RATE = 100
"""Frames of a contour per second: frame t covers t / 100 s to (t + 1) / 100 s."""

LOWEST_HZ, HIGHEST_HZ = 55.0, 450.0

FAR = 0.5
"""See `log_f0_statistics`."""

TRACKER = "swift-f0"
"""Name of the tracker, for what is kept of its results."""

TRACKER_RATE = 16000
"""Rate of the tracker's input in Hz."""

_BLOCK = 1 << 17
_VOICED = 0.5
_LEVEL, _MOST_GAIN = 0.5, 100.0
"""Peak to which a recording is amplified, for the tracker hears less voice in quiet ones, and the limit of the gain."""


def track(
    waveform: npt.NDArray[np.float32] | Iterable[npt.NDArray[np.float32]], sample_rate: int
) -> npt.NDArray[np.float32]:
    """Measure F0, with SwiftF0 (Nieradzik 2025), in memory that does not grow with the recording.

    Parameters
    ----------
    waveform : (time,) float in [-1, 1], or its consecutive blocks
    sample_rate : in Hz

    Returns
    -------
    (ceil(time * 100 / sample_rate),) float32 in Hz, between 55 and 450; 0 for unvoiced. Digital silence is unvoiced
    """
    tracker = PitchTracker(sample_rate)
    for block in [waveform] if isinstance(waveform, np.ndarray) else waveform:
        tracker.push(block)
    return tracker.finish()


def log_f0_statistics(f0: npt.NDArray[np.float32]) -> tuple[float, float] | None:
    """Return mean and standard deviation of log F0 over voiced frames of contours (frames,); None without any.

    Frames more than `FAR` from the median, about nine semitones, are taken for errors of an octave and left out.
    """
    logs = np.log(f0[f0 > 0].astype(np.float64))
    if not len(logs):
        return None
    near = logs[np.abs(logs - np.median(logs)) <= FAR]
    return float(near.mean()), float(near.std())


class PitchTracker:
    """Measures F0 of a waveform that arrives in blocks; see `track`.

    Parameters
    ----------
    sample_rate : in Hz
    """

    def __init__(self, sample_rate: int) -> None:
        self._stream = detector().stream(LOWEST_HZ, HIGHEST_HZ)
        self._sample_rate, self._samples = sample_rate, 0
        self._resampler: Any = None
        if sample_rate != TRACKER_RATE:
            import soxr

            self._resampler = soxr.ResampleStream(sample_rate, TRACKER_RATE, 1, "float32", "HQ")
        self._held, self._peak = np.zeros(0, np.float32), 0.0
        self._heights: list[npt.NDArray[np.float32]] = []
        self._certain: list[npt.NDArray[np.float32]] = []

    def push(self, block: npt.NDArray[np.float32]) -> None:
        """Take the next samples (time,)."""
        self._samples += len(block)
        for start in range(0, len(block), _BLOCK):
            part = np.asarray(block[start : start + _BLOCK], np.float32)
            self._hold(part if self._resampler is None else self._resampler.resample_chunk(part))

    def finish(self) -> npt.NDArray[np.float32]:
        """Return the contour (frames,) of everything; the tracker cannot be used again."""
        frames = -(-self._samples * PITCH_RATE // self._sample_rate)
        if self._resampler is not None:
            self._hold(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        if len(self._held):
            self._measure(self._held)
        self._keep(self._stream.flush())
        if not sum(map(len, self._heights)):
            return np.zeros(frames, np.float32)
        return resampled(np.concatenate(self._heights), np.concatenate(self._certain), frames)

    def _hold(self, samples: npt.NDArray[np.float32]) -> None:
        """Collect samples to blocks of one length, so that the result does not depend on how they arrive."""
        self._held = np.concatenate([self._held, samples])
        while len(self._held) >= _BLOCK:
            self._measure(self._held[:_BLOCK])
            self._held = self._held[_BLOCK:]

    def _measure(self, block: npt.NDArray[np.float32]) -> None:
        self._peak = max(self._peak, float(np.abs(block).max()))
        self._keep(self._stream.push(block * gain_of(self._peak), TRACKER_RATE))

    def _keep(self, result: Any) -> None:
        self._heights.append(result.pitch_hz.astype(np.float32))
        self._certain.append(result.confidence.astype(np.float32))


def resampled(
    heights: npt.NDArray[np.float32], certain: npt.NDArray[np.float32], frames: int, *, first: int = 0, begins: int = 0
) -> npt.NDArray[np.float32]:
    """Resample from the tracker's frames, centred on multiples of 16 ms, to those of a contour.

    Parameters
    ----------
    heights, certain : F0 in Hz and confidence of the tracker's frames, from number `begins` on, at least one
    frames, first : the frames `first` to `frames`, without it, of the contour are returned
    """
    from swift_f0 import FRAME_PERIOD

    place = (np.arange(first, frames) + 0.5) / (PITCH_RATE * FRAME_PERIOD) - begins
    place = np.clip(place, 0, len(heights) - 1)
    low = place.astype(np.int64)
    high = np.minimum(low + 1, len(heights) - 1)
    share = place - low
    voiced, logs = certain >= _VOICED, np.log(np.maximum(heights, 1.0))
    # Between a voiced and an unvoiced frame the voiced one counts alone.
    left, right = np.where(voiced[low], 1 - share, 0), np.where(voiced[high], share, 0)
    f0 = np.exp((left * logs[low] + right * logs[high]) / np.maximum(left + right, 1e-9))
    kept = np.where(share < 0.5, voiced[low], voiced[high])
    return np.where(kept, np.clip(f0, LOWEST_HZ, HIGHEST_HZ), 0).astype(np.float32)


def gain_of(peak: float) -> float:
    """Return the gain of the tracker's input, from the peak so far."""
    return min(_MOST_GAIN, _LEVEL / max(peak, 1e-9))


@lru_cache(maxsize=1)
def detector() -> Any:
    """Load the tracker's network once; it may be used by several threads at a time."""
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)
