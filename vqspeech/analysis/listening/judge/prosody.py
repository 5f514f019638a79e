"""Pitch and level of generated speech against its source."""

from __future__ import annotations

import numpy as np

LEAST_FRAMES = 20
"""Frames voiced on both sides that a correlation needs, 0.2 s."""

_BLOCK_S = 0.02
_SILENCE_DBFS = -70.0
_MARGIN_DB = 15.9


def median_f0(contour: np.ndarray) -> float | None:
    """Return the median over voiced frames in Hz; None without any."""
    voiced = contour[contour > 0]
    return float(np.median(voiced)) if len(voiced) else None


def f0_correlation(contour: np.ndarray, source: np.ndarray) -> float | None:
    """Correlate log F0 of two contours (frames,) where both are voiced.

    Returns
    -------
    Pearson's correlation; None below `LEAST_FRAMES` common voiced frames, or for a flat contour
    """
    frames = min(len(contour), len(source))
    one, other = contour[:frames], source[:frames]
    both = (one > 0) & (other > 0)
    if both.sum() < LEAST_FRAMES:
        return None
    one, other = np.log(one[both].astype(np.float64)), np.log(other[both].astype(np.float64))
    if one.std() < 1e-6 or other.std() < 1e-6:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def speech_level_db(waveform: np.ndarray, sample_rate: int) -> float | None:
    """Measure the level of the speech in a waveform (time,), without its pauses, in dBFS; None for silence.

    The mean power of blocks of 20 ms that are less than 15.9 dB below the mean of all blocks above -70 dBFS. The margin
    is that of ITU-T P.56, whose envelope is replaced by blocks.
    """
    block = max(1, round(_BLOCK_S * sample_rate))
    samples = np.asarray(waveform, dtype=np.float64)
    samples = np.pad(samples, (0, -len(samples) % block)).reshape(-1, block)
    power = (samples**2).mean(axis=1)
    power = power[power > 10 ** (_SILENCE_DBFS / 10)]
    if not len(power):
        return None
    active = power[power >= power.mean() * 10 ** (-_MARGIN_DB / 10)]
    return float(10 * np.log10(active.mean()))
