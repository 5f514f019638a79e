"""Full scale: the samples of a file are limited to [-1, 1), whether it is encoded directly or prepared."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech.errors import AudioError

HIGHEST = np.float32(32767 / 32768)
"""The largest sample; the smallest is -1, as in 16 bits."""

REFUSED_SHARE, REFUSED_PEAK = 0.1, 16.0
"""Share of samples beyond full scale, and peak, from which a file is refused: its numbers have another scale."""

LOSSY_PEAK = 1.25
"""Peak up to which nothing is said of MP3 and Ogg, whose decoders overshoot."""

_LOSSY = ("MP3", "MPEG", "OGG")


def limited(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Limit float32 samples (time,) to [-1, 1); returns them as they are where none is beyond."""
    if len(samples) and (samples.max() > HIGHEST or samples.min() < -1):
        return np.clip(samples, np.float32(-1), HIGHEST)
    return samples


@dataclass
class FullScale:
    """Limits the samples of a file, and counts those beyond full scale.

    Parameters
    ----------
    path : the file, for messages
    container : its format, as libsndfile names it
    beyond, samples, peak : samples beyond full scale so far, all samples, and the largest magnitude
    """

    path: str | Path
    container: str
    beyond: int = 0
    samples: int = 0
    peak: float = 0.0

    def limit(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Count and limit the next samples, float32 (time,)."""
        self.samples += len(block)
        within = limited(block)
        if within is not block:
            magnitude = np.abs(block)
            self.beyond += int(np.count_nonzero(magnitude > 1))
            self.peak = max(self.peak, float(magnitude.max()))
        return within

    def check(self) -> None:
        """Check the whole file.

        Raises
        ------
        AudioError : `REFUSED_SHARE` of the samples or more lie beyond full scale, and the peak is above `REFUSED_PEAK`
        """
        if self.peak > REFUSED_PEAK and self.beyond >= REFUSED_SHARE * self.samples:
            raise AudioError(
                f"{self.path}: {self}; its numbers seem to be of another scale, such as 16-bit integers saved as "
                "floating point. Divide them, by 32768 for example"
            )

    def warn(self) -> None:
        """Warn of samples beyond full scale, unless a lossy format overshoots."""
        if self.beyond and not (self.container in _LOSSY and self.peak <= LOSSY_PEAK):
            warnings.warn(f"{self.path}: {self}; they were limited to it", stacklevel=2)

    def __str__(self) -> str:
        return f"{self.beyond} of {self.samples} samples lie beyond full scale (peak {self.peak:.4g}, full scale is 1)"
