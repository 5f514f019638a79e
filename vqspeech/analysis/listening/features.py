"""Spectral features at given sample positions: mel power and MFCC of windows centred there.

Sampling at arbitrary positions, and not on a fixed 10 ms grid, puts a feature exactly on the centre of a code whatever
its hop.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

WINDOW_S = 0.025
"""Length of the analysis window in seconds."""

STEP_S = 0.010
"""Usual distance between features in seconds."""

_BLOCK = 4096


@lru_cache(maxsize=8)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> np.ndarray:
    """Return HTK-scale triangular mel filters, (n_mels, n_fft // 2 + 1) float32."""
    from librosa.filters import mel

    filters: np.ndarray = mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, htk=True, norm=None)
    return filters


def window_samples(sample_rate: int, window_s: float = WINDOW_S) -> tuple[int, int]:
    """Return the lengths of window and Fourier transform (next power of two) in samples."""
    length = max(2, round(window_s * sample_rate))
    return length, 1 << (length - 1).bit_length()


def mel_power(
    waveform: np.ndarray, sample_rate: int, positions: np.ndarray, *, n_mels: int, window_s: float = WINDOW_S
) -> np.ndarray:
    """Compute mel power spectra of Hann windows centred at sample positions, zero-padded.

    Parameters
    ----------
    waveform : (time,) float
    positions : (...) sample positions, rounded to whole samples
    n_mels : number of bands between 0 Hz and half the sample rate

    Returns
    -------
    (..., n_mels) float32
    """
    length, n_fft = window_samples(sample_rate, window_s)
    padded = np.pad(np.asarray(waveform, dtype=np.float32), length)
    starts = np.clip(np.rint(positions).astype(np.int64).reshape(-1) + length - length // 2, 0, len(padded) - length)
    filters, taper = mel_filters(sample_rate, n_fft, n_mels).T, np.hanning(length + 1)[:-1].astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)
    power = np.empty((len(starts), n_mels), dtype=np.float32)
    for block in range(0, len(starts), _BLOCK):
        rows = windows[starts[block : block + _BLOCK]] * taper
        power[block : block + _BLOCK] = (np.abs(np.fft.rfft(rows, n_fft)) ** 2) @ filters
    return power.reshape(*np.shape(positions), n_mels)


def mfcc(
    waveform: np.ndarray, sample_rate: int, positions: np.ndarray, *, n_mfcc: int = 13, n_mels: int = 40
) -> np.ndarray:
    """Compute MFCC (Davis and Mermelstein 1980) of 25 ms windows centred at sample positions.

    Pre-emphasis 0.97, natural logarithm, orthonormal DCT-II. Returns (..., n_mfcc) float32.
    """
    from scipy.fft import dct

    waveform = np.asarray(waveform, dtype=np.float32)
    emphasised = np.concatenate([waveform[:1], waveform[1:] - 0.97 * waveform[:-1]])
    power = mel_power(emphasised, sample_rate, positions, n_mels=n_mels)
    coefficients: np.ndarray = dct(np.log(power + 1e-10), type=2, norm="ortho", axis=-1)[..., :n_mfcc]
    return coefficients


def steps(n_samples: int, sample_rate: int, step_s: float = STEP_S) -> np.ndarray:
    """Return the positions in the middle of each whole step of a waveform (at least one), in samples."""
    step = step_s * sample_rate
    return (np.arange(max(1, int(n_samples / step))) + 0.5) * step
