"""Fourier transforms of frames as convolutions, for graphs such as ONNX that have no frames of a signal."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def exporting() -> bool:
    """Return whether the computation is being recorded as an ONNX graph."""
    return torch.onnx.is_in_onnx_export()


def power_spectra(waveform: Tensor, window: Tensor, hop: int, n_fft: int) -> Tensor:
    """Compute |DFT|^2 of windowed frames.

    Parameters
    ----------
    waveform : (batch, time)
    window : (size,), size at most `n_fft`
    hop : samples per frame
    n_fft : length of the transform

    Returns
    -------
    (batch, frames, n_fft / 2 + 1)
    """
    kernels = (_waves(n_fft)[:, : len(window)] * window.double().cpu()).to(window)
    real, imaginary = F.conv1d(waveform[:, None], kernels[:, None], stride=hop).chunk(2, 1)
    return (real.square() + imaginary.square()).transpose(1, 2)


def filtered(source: Tensor, gains: Tensor, window: Tensor, hop: int) -> Tensor:
    """Multiply the spectra of windowed frames by gains; window the frames again and add them where they overlap.

    Parameters
    ----------
    source : (batch, (frames - 1) * hop + size)
    gains : (batch, frames, size / 2 + 1), real
    window : (size,)
    hop : samples per frame

    Returns
    -------
    as long as `source`
    """
    size = len(window)
    waves, exact = _waves(size), window.double().cpu()
    # The inverse of a real transform counts all bins twice but the first, and the last of an even length.
    share = torch.full((size // 2 + 1,), 2.0 / size, dtype=torch.float64)
    share[0] = 1 / size
    if size % 2 == 0:
        share[-1] = 1 / size
    there = (waves * exact).to(window)[:, None]
    back = (waves * exact * share.repeat(2)[:, None]).to(window)[:, None]
    spectrum = F.conv1d(source[:, None], there, stride=hop) * torch.cat([gains, gains], 2).transpose(1, 2)
    return F.conv_transpose1d(spectrum, back, stride=hop)[:, 0]


def _waves(size: int) -> Tensor:
    """Return the cosines, then the negative sines, of all frequencies of a real transform: (size + 2, size) float64."""
    turns = torch.arange(size // 2 + 1, dtype=torch.float64)[:, None] * torch.arange(size, dtype=torch.float64)
    angle = 2 * math.pi * (turns % size) / size
    return torch.cat([angle.cos(), -angle.sin()])
