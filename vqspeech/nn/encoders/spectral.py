"""Spectral front ends: log-mel and MFCC frames, aligned with codes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.config import SpectrumConfig
from vqspeech.nn.dft import exporting, power_spectra

FeatureKind = Literal["logmel", "mfcc"]
Change = Callable[[Tensor], Tensor]


class SpectralFeatures(nn.Module):
    """Log-mel or MFCC features, standardised.

    Frame i covers samples [i * hop, (i + 1) * hop): its analysis window is centred on the middle of that span, so a
    waveform of n * hop samples gives exactly n frames and no delay. Beyond both ends the waveform counts as silence.

    MFCCs are the type-II DCT of the log-mel frame (Davis & Mermelstein 1980), optionally followed by first and second
    differences over 5 frames as in Chorowski et al. 2019 (arXiv 1901.08810). Each channel is standardised by a mean and
    a standard deviation that `fit` takes from data; until then they are 0 and 1.

    Two options make distances between frames say more about phones. Sliding mean normalisation takes away what a
    recording adds to all its frames, a microphone above all (cepstral mean subtraction, Atal 1974, over a window as in
    Kaldi's apply-cmvn-sliding). Liftering weighs standardised coefficient n = 0, 1, ... by (n + 1)^lifter: below 0 the
    first ones count more, as they do in plain cepstra, where they are the largest by far.

    Parameters
    ----------
    kind : ``"logmel"`` or ``"mfcc"``
    sample_rate : rate in Hz
    hop_samples, window_samples : frame step and analysis window; with a hop beyond the window, samples between windows
        are ignored
    n_mels : mel bands between 0 Hz and half the rate
    n_mfcc : cepstral coefficients kept (mfcc only)
    deltas : append first and second differences (mfcc only)
    mean_window_samples : window of sliding means, centred on each frame, within the waveform; 0 for none. Differences
        have no sliding mean
    lifter : exponent of the weights of cepstral coefficients, of differences too (mfcc only)
    """

    @classmethod
    def of(cls, config: SpectrumConfig, sample_rate: int) -> SpectralFeatures:
        """Build the features of a configuration, at a rate in Hz."""
        values = {item.name: getattr(config, item.name) for item in dataclasses.fields(SpectrumConfig)}
        return cls(sample_rate=sample_rate, deltas=getattr(config, "deltas", False), **values)

    mean: Tensor
    std: Tensor
    window: Tensor
    filters: Tensor
    dct: Tensor
    weights: Tensor

    def __init__(
        self,
        kind: FeatureKind,
        *,
        sample_rate: int,
        hop_samples: int = 160,
        window_samples: int = 400,
        n_mels: int = 40,
        n_mfcc: int = 13,
        deltas: bool = False,
        mean_window_samples: int = 0,
        lifter: float = 0.0,
    ) -> None:
        super().__init__()
        from torchaudio.functional import create_dct, melscale_fbanks

        self.kind = kind
        self.hop_samples, self.sample_rate = hop_samples, sample_rate
        self.window_samples = window_samples
        self.deltas = deltas and kind == "mfcc"
        self.mean_reach = mean_window_samples // (2 * hop_samples)
        self.n_fft = 1 << (window_samples - 1).bit_length()
        filters = melscale_fbanks(self.n_fft // 2 + 1, 0.0, sample_rate / 2, n_mels, sample_rate, norm="slaney")
        self.channels = n_mels if kind == "logmel" else n_mfcc * (3 if self.deltas else 1)
        self.register_buffer("window", torch.hann_window(window_samples), persistent=False)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("dct", create_dct(n_mfcc, n_mels, "ortho"), persistent=False)
        weights = torch.arange(1.0, n_mfcc + 1) ** lifter if kind == "mfcc" else torch.ones(n_mels)
        self.register_buffer("weights", weights.repeat(self.channels // len(weights))[:, None], persistent=False)
        self.register_buffer("mean", torch.zeros(self.channels, 1))
        self.register_buffer("std", torch.ones(self.channels, 1))

    @property
    def receptive_field(self) -> int:
        """Samples that one frame depends on."""
        reach = max(self.mean_reach, 4 if self.deltas else 0)
        return self.window_samples + 2 * reach * self.hop_samples

    def forward(self, waveform: Tensor, frames: Tensor | None = None, change: Change | None = None) -> Tensor:
        """Standardised and weighted features.

        Parameters
        ----------
        waveform : (batch, time), time a multiple of ``hop_samples``; zeros beyond the end of each
        frames : (batch,) int64, number of real frames of each waveform, to which differences and sliding means are
            limited; None for all
        change : applied to the log-mel bands (batch, n_mels, time) before anything else

        Returns
        -------
        (batch, channels, time / hop_samples), float32 at least
        """
        return (self.raw(waveform, frames, change) - self.mean) / self.std * self.weights

    @torch.no_grad()
    def fit(self, waveform: Tensor, mask: Tensor | None = None) -> None:
        """Fit mean and standard deviation of each channel to the real frames, if any.

        Parameters
        ----------
        waveform : (batch, time)
        mask : (batch, time / hop_samples) bool, True for the first frames of each waveform, which count; all when None
        """
        frames = self.raw(waveform, None if mask is None else mask.sum(1)).transpose(1, 2)
        frames = frames[mask] if mask is not None else frames.reshape(-1, self.channels)
        if len(frames):
            self.mean.copy_(frames.mean(0)[:, None])
            self.std.copy_(frames.std(0, correction=0).clamp_min(1e-3)[:, None])

    def raw(self, waveform: Tensor, frames: Tensor | None = None, change: Change | None = None) -> Tensor:
        """Compute features before standardisation and weights; shapes as in `forward`."""
        with torch.autocast(waveform.device.type, enabled=False):
            margin = self.window_samples - self.hop_samples
            padded = F.pad(waveform.float(), (margin // 2, margin - margin // 2))
            if exporting():
                power = power_spectra(padded, self.window.float(), self.hop_samples, self.n_fft)
            else:
                windows = padded.unfold(-1, self.window_samples, self.hop_samples) * self.window.float()
                # a Fourier transform of no windows is an error
                if not windows.numel():
                    return windows.new_zeros(len(waveform), self.channels, windows.shape[1])
                power = torch.fft.rfft(windows, n=self.n_fft).abs().square()
            features = (power @ self.filters.float()).clamp_min(1e-8).log()
            if change is not None:
                features = change(features.transpose(1, 2)).transpose(1, 2)
            if self.kind == "mfcc":
                features = features @ self.dct.float()
            features = features.transpose(1, 2)
            parts = [features - _sliding_mean(features, self.mean_reach, frames) if self.mean_reach else features]
            if self.deltas:
                first = _difference(features, frames)
                parts += [first, _difference(first, frames)]
            return torch.cat(parts, dim=1)


def _sliding_mean(features: Tensor, reach: int, frames: Tensor | None) -> Tensor:
    """Mean over the frames at most `reach` away, of those that there are; (batch, channels, time).

    Windows are summed one by one, not as differences of running sums, whose rounding would depend on everything before.
    """
    place = torch.arange(features.shape[-1], device=features.device)
    inside = torch.ones_like(features[:, :1]) if frames is None else (place < frames[:, None])[:, None].to(features)
    share, total = (F.avg_pool1d(values, 2 * reach + 1, 1, reach) for values in (inside, features * inside))
    return total / share.clamp_min(1e-6)


def _difference(features: Tensor, frames: Tensor | None) -> Tensor:
    """Compute the regression slope over five frames (Young et al., The HTK Book, eq. 5.16)."""
    time = features.shape[-1]
    # The end is each row's own.
    if frames is not None:
        last = (frames - 1).clamp_min(0)[:, None]
        places = torch.arange(time, device=features.device).minimum(last)
        features = features.gather(2, places[:, None].expand_as(features))
    padded = F.pad(features, (2, 2), mode="replicate")
    return sum(
        (n * (padded[..., 2 + n : 2 + n + time] - padded[..., 2 - n : 2 - n + time]) / 10 for n in (1, 2)),
        start=torch.zeros_like(features),
    )
