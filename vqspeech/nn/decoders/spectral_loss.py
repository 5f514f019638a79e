"""Distances of spectra at several resolutions, the loss of decoders that generate a waveform in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

FLOOR = 1e-3
"""Added to magnitudes before the logarithm: the rounding of 16 bits stays below it."""


def powers(waveform: Tensor, window: Tensor, hop_samples: int) -> Tensor:
    """Compute a power spectrogram (batch, frames, bins); frame t is centred on sample t * hop, zeros outside."""
    spectrum = torch.stft(
        waveform,
        len(window),
        hop_samples,
        window=window,
        pad_mode="constant",
        return_complex=True,
    )
    return torch.view_as_real(spectrum).square().sum(-1).transpose(1, 2)


def spectral_distance(made: Tensor, wanted: Tensor, lengths: Tensor, windows: Sequence[Tensor]) -> Tensor:
    """Compute the distance of each row, averaged over resolutions: log magnitudes plus spectral convergence.

    Yamamoto et al. 2020, arXiv 1910.11480, equations 4 to 6. The first is a mean over frequencies and frames, the
    second is ||made - wanted|| / ||wanted|| of the row's magnitudes.

    Parameters
    ----------
    made, wanted : (batch, time) waveforms
    lengths : (batch,) samples of each that count
    windows : window of each resolution; its hop is a quarter of it

    Returns
    -------
    (batch,)
    """
    real = torch.arange(made.shape[1], device=made.device) < lengths[:, None]
    made, wanted = made * real, wanted * real
    distances = []
    for window in windows:
        hop = len(window) // 4
        one = powers(made, window, hop)
        with torch.no_grad():
            two = powers(wanted, window, hop)
        counts = (torch.arange(one.shape[1], device=made.device) * hop < lengths[:, None])[:, :, None]
        frames = counts.sum((1, 2)).clamp_min(1)
        logs = ((one + FLOOR**2).log() - (two + FLOOR**2).log()).abs().mul(0.5).mean(2, keepdim=True)
        error = (((one + 1e-12).sqrt() - (two + 1e-12).sqrt()).square() * counts).sum((1, 2))
        size = (two * counts).sum((1, 2)) + frames * one.shape[2] * FLOOR**2
        distances.append((logs * counts).sum((1, 2)) / frames + ((error + 1e-12) / size).sqrt())
    return torch.stack(distances).mean(0)
