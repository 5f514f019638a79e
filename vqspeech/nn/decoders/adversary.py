"""Adversaries of a decoder: networks that tell its spectrograms from those of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from vqspeech.nn.decoders.spectral_loss import FLOOR, OVERLAP, powers

LAYERS = 4
"""Convolutions before the last one; each but the last of them halves the frequencies."""


class Fooled(NamedTuple):
    """Losses of a generator, each (batch,).

    Parameters
    ----------
    adversarial : how far the adversaries take generated speech for generated
    features : relative distance of the adversaries' layers between generated and recorded speech
    """

    adversarial: Tensor
    features: Tensor


class SpectrogramAdversary(nn.Module):
    """Judges every frame of a log-magnitude spectrogram, as in UnivNet (Jang et al. 2021).

    Parameters
    ----------
    channels : channels of every layer
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(channels if number else 1, channels, (3, 9), (1, 2 if number < 3 else 1), (1, 4)))
            for number in range(LAYERS)
        )
        self.output = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, spectrogram: Tensor) -> list[Tensor]:
        """Compute every layer, (batch, channels, frames, bins), of a spectrogram (batch, frames, bins); scores last."""
        hidden, found = spectrogram[:, None], []
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
            found.append(hidden)
        return [*found, self.output(hidden)]


class Adversaries(nn.Module):
    """A `SpectrogramAdversary` for each resolution, with least-squares losses (Mao et al. 2017).

    Parameters
    ----------
    count : number of resolutions
    channels : see `SpectrogramAdversary`
    """

    def __init__(self, count: int, channels: int) -> None:
        super().__init__()
        self.each = nn.ModuleList(SpectrogramAdversary(channels) for _ in range(count))

    def fooled(self, made: Tensor, wanted: Tensor, lengths: Tensor, windows: Sequence[Tensor]) -> Fooled:
        """Compute the losses of the generator; arguments as in `spectral_loss.spectral_distance`."""
        adversarial, features = [], []
        for adversary, window in zip(self.each, windows, strict=True):
            mask = _real(lengths, window, made)
            *layers, scores = adversary(_spectrogram(made, lengths, window))
            with torch.no_grad():
                *others, _ = adversary(_spectrogram(wanted, lengths, window))
            adversarial.append(_mean((scores - 1).square(), mask))
            features += [
                _mean((one - other).abs(), mask) / (_mean(other.abs(), mask) + 1e-3)
                for one, other in zip(layers, others, strict=True)
            ]
        return Fooled(torch.stack(adversarial).mean(0), torch.stack(features).mean(0))

    def judged(self, made: Tensor, wanted: Tensor, lengths: Tensor, windows: Sequence[Tensor]) -> Tensor:
        """Compute the loss of the adversaries, (batch,)."""
        losses = []
        for adversary, window in zip(self.each, windows, strict=True):
            mask = _real(lengths, window, made)
            wrong = adversary(_spectrogram(made.detach(), lengths, window))[-1]
            right = adversary(_spectrogram(wanted, lengths, window))[-1]
            losses.append(_mean(wrong.square(), mask) + _mean((right - 1).square(), mask))
        return torch.stack(losses).mean(0)


def _spectrogram(waveform: Tensor, lengths: Tensor, window: Tensor) -> Tensor:
    """Compute log magnitudes (batch, frames, bins) above the floor, which is 0."""
    real = torch.arange(waveform.shape[1], device=waveform.device) < lengths[:, None]
    power = powers(waveform * real, window, len(window) // OVERLAP)
    return 0.1 * (power / FLOOR**2 + 1).log()


def _real(lengths: Tensor, window: Tensor, waveform: Tensor) -> Tensor:
    """Return which frames (batch, frames) begin before the end."""
    hop = len(window) // OVERLAP
    return torch.arange(1 + waveform.shape[1] // hop, device=waveform.device) * hop < lengths[:, None]


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of each row (batch,) of values (batch, channels, frames, bins) over real frames."""
    each = values.float().mean((1, 3))
    return (each * mask).sum(1) / mask.sum(1).clamp_min(1)
