"""Nearness of frames to real ones: PSNR, SSIM, and what true actions add to it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from vqspeech.errors import InputError

Frames = npt.NDArray[np.uint8]
MOST_PSNR = 60.0
"""PSNR in dB of equal frames: higher values are cut off, so that means stay finite."""

SIGMA, RADIUS = 1.5, 5
"""Standard deviation and radius in pixels of the Gaussian window of SSIM."""
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr_db(frames: Frames, others: Frames) -> npt.NDArray[np.float64]:
    """Compute the PSNR of every frame, 10 log10(255^2 / mean squared error), at most `MOST_PSNR`.

    Parameters
    ----------
    frames, others : (..., height, width, channels) uint8 of one shape

    Returns
    -------
    (...) dB

    Raises
    ------
    InputError : for shapes that differ
    """
    _same(frames, others)
    error = np.square(frames.astype(np.float32) - others).mean((-3, -2, -1), dtype=np.float64)
    return 10 * np.log10(255**2 / np.maximum(error, 255**2 * 10 ** (-MOST_PSNR / 10)))


def ssim(frames: Frames, others: Frames) -> npt.NDArray[np.float64]:
    """Compute the structural similarity of every frame (Wang et al. 2004, IEEE TIP 13(4)), mean over channels.

    As published: a Gaussian window of 11 x 11 with sigma 1.5, K1 = 0.01, K2 = 0.03, positions where the window lies
    inside the frame. In frames with a side below 11 the borders are mirrored and all positions count.

    Parameters
    ----------
    frames, others : (..., height, width, channels) uint8 of one shape

    Returns
    -------
    (...) between -1 and 1

    Raises
    ------
    InputError : for shapes that differ
    """
    _same(frames, others)
    x, y = frames.astype(np.float32), others.astype(np.float32)
    mean_x, mean_y = _smoothed(x), _smoothed(y)
    variance_x, variance_y = _smoothed(x * x) - mean_x**2, _smoothed(y * y) - mean_y**2
    covariance = _smoothed(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    below = (mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2)
    return (above / below).mean((-3, -2, -1), dtype=np.float64)


def delta_psnr_db(real: Frames, with_true: Frames, with_random: Frames) -> npt.NDArray[np.float64]:
    """Compute what true actions add: PSNR of frames generated with them less that with random actions.

    The measure of controllability of Genie (Bruce et al. 2024, arXiv 2402.15391, section 3.1).

    Parameters
    ----------
    real, with_true, with_random : (..., height, width, channels) uint8 of one shape

    Returns
    -------
    (...) dB
    """
    return psnr_db(real, with_true) - psnr_db(real, with_random)


def _smoothed(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Average (..., height, width, channels) with the Gaussian window, and cut the borders off."""
    places = np.arange(-RADIUS, RADIUS + 1)
    window = np.exp(-(places**2) / (2 * SIGMA**2))
    window /= window.sum()
    smooth = correlate1d(correlate1d(values, window, axis=-3), window, axis=-2)
    height, width = values.shape[-3:-1]
    if min(height, width) <= 2 * RADIUS:
        return smooth
    return smooth[..., RADIUS : height - RADIUS, RADIUS : width - RADIUS, :]


def _same(frames: Frames, others: Frames) -> None:
    if frames.shape != others.shape or frames.ndim < 3:
        raise InputError(f"frames of shape {frames.shape} cannot be compared with those of {others.shape}")
