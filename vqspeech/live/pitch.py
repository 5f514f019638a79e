"""F0 of a recording that arrives in blocks, up to its last sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.audio.pitch import HIGHEST_HZ, LOWEST_HZ, PITCH_RATE, TRACKER_RATE, detector, gain_of, resampled

KEPT_S = 20.0
"""Frames older than this are forgotten."""

PEAK_HALVES_S = 10.0
"""The peak that sets the tracker's gain falls by half in this time."""


class LivePitch:
    """Measures F0 after each block, with SwiftF0 as `vqspeech.audio.pitch.track` does.

    The tracker looks 0.16 s ahead: frames of the last 0.18 s may still change. Older frames are those of the whole
    recording for the same gain; the gain here follows from the samples so far.

    Parameters
    ----------
    sample_rate : in Hz
    """

    def __init__(self, sample_rate: int) -> None:
        from swift_f0.core import HOP

        self._sample_rate, self._samples, self._hop = sample_rate, 0, HOP
        self._resampler: Any = None
        if sample_rate != TRACKER_RATE:
            import soxr

            self._resampler = soxr.ResampleStream(sample_rate, TRACKER_RATE, 1, "float32", "HQ")
        self._peak = 0.0
        # frames of the tracker: `held` starts at one, `heights` and `certain` at another
        self._held, self._start = np.zeros(0, np.float32), 0
        self._heights, self._certain, self._first = np.zeros(0, np.float32), np.zeros(0, np.float32), 0

    def push(self, samples: npt.NDArray[np.float32]) -> tuple[int, npt.NDArray[np.float32]]:
        """Take the next samples (time,).

        Returns
        -------
        number of the first frame that is kept, and F0 (frames,) in Hz at `PITCH_RATE` from there to the last sample; 0
        for unvoiced
        """
        self._samples += len(samples)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        fall = 0.5 ** (len(samples) / (PEAK_HALVES_S * TRACKER_RATE))
        self._peak = max(self._peak * fall, float(np.abs(samples).max(initial=0)))
        self._held = np.concatenate([self._held, samples])
        heights, certain = self._measured()
        frames = -(-self._samples * PITCH_RATE // self._sample_rate)
        first = -(-self._first * self._hop * PITCH_RATE // TRACKER_RATE)
        if not len(heights):
            return first, np.zeros(max(0, frames - first), np.float32)
        return first, resampled(heights, certain, frames, first=first, begins=self._first)

    def _measured(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return F0 and confidence of the tracker's frames from `_first` on; keep those that cannot change."""
        from swift_f0.core import LEFT_FRAMES, LOOKAHEAD_FRAMES

        if len(self._held) < self._hop:
            return self._heights, self._certain
        found = detector().detect(self._held * gain_of(self._peak), TRACKER_RATE, LOWEST_HZ, HIGHEST_HZ)
        done = self._first + len(self._heights) - self._start
        heights = np.concatenate([self._heights, found.pitch_hz[done:].astype(np.float32)])
        certain = np.concatenate([self._certain, found.confidence[done:].astype(np.float32)])
        final = max(len(self._heights), len(heights) - LOOKAHEAD_FRAMES)
        old = max(0, final - round(KEPT_S * TRACKER_RATE / self._hop))
        self._heights, self._certain, self._first = heights[old:final], certain[old:final], self._first + old
        unused = max(0, self._first + len(self._heights) - LEFT_FRAMES - self._start)
        self._held, self._start = self._held[unused * self._hop :], self._start + unused
        return heights[old:], certain[old:]
