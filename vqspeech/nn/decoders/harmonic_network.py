"""The network of the decoder `harmonic`: from latents, speaker and F0 to two spectra per frame; and F0 from codes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.decoders.contour import Contour

REFERENCE_LOG_F0 = 5.0
"""log F0, of 148 Hz, from which the network's input is counted."""


def divisor(number: int, wanted: float) -> int:
    """Return the divisor of a number whose ratio to `wanted` is nearest to 1."""
    return min(
        (part for part in range(1, number + 1) if number % part == 0), key=lambda part: abs(math.log(part / wanted))
    )


def expand(x: Tensor, count: int) -> Tensor:
    """Unfold channels into time: (batch, channels * count, frames) to (batch, channels, frames * count)."""
    return x.unflatten(1, (-1, count)).transpose(2, 3).flatten(2)


def fold(x: Tensor, count: int) -> Tensor:
    """Fold time into channels, the inverse of `expand`."""
    return x.unflatten(2, (-1, count)).transpose(2, 3).flatten(1, 2)


class ResidualBlock(nn.Module):
    """x + a dilated convolution, GELU, and a product, of x scaled and shifted for the speaker (Perez et al. 2018)."""

    def __init__(self, channels: int, kernel: int, dilation: int, speaker_channels: int) -> None:
        super().__init__()
        self.speaker = nn.Linear(speaker_channels, 2 * channels) if speaker_channels else None
        self.wide = nn.Conv1d(channels, channels, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)
        if self.speaker is not None:
            nn.init.zeros_(self.speaker.bias)
            nn.init.normal_(self.speaker.weight, std=0.1 / speaker_channels**0.5)

    def forward(self, x: Tensor, speaker: Tensor | None) -> Tensor:
        """Compute (batch, channels, frames); speaker (batch, speaker_channels)."""
        hidden = x
        if self.speaker is not None:
            scale, shift = self.speaker(speaker)[:, :, None].chunk(2, 1)
            hidden = x * (1 + scale) + shift
        return x + self.mix(F.gelu(self.wide(hidden)))


class SpectraNetwork(nn.Module):
    """Latents, speaker and F0 to the log spectra of pulses and noise.

    Most of it runs at the rate of the latents, or a small multiple: a convolution, residual blocks, then one vector per
    frame, with a last convolution over frames.

    Parameters
    ----------
    dim : channels of the latents
    frames : frames per latent
    steps : steps of the residual blocks per latent, a divisor of `frames`
    channels, kernel, dilations : width of the residual blocks, taps of their convolutions, dilation of each
    frame_channels : channels of a frame's vector
    bins : frequencies of a spectrum
    speaker_channels : channels of the speaker's vector; 0 for none
    """

    def __init__(
        self,
        dim: int,
        *,
        frames: int,
        steps: int,
        channels: int,
        kernel: int,
        dilations: Sequence[int],
        frame_channels: int,
        bins: int,
        speaker_channels: int,
    ) -> None:
        super().__init__()
        self.frames, self.steps, self.bins = frames, steps, bins
        self.input = nn.Conv1d(dim + 2 * frames + speaker_channels, channels * steps, 5, padding=2)
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, kernel, dilation, speaker_channels) for dilation in dilations
        )
        self.to_frames = nn.Conv1d(channels, frame_channels * (frames // steps), 1)
        self.pitch = nn.Conv1d(2, frame_channels, 3, padding=1)
        self.smooth = nn.Conv1d(frame_channels, frame_channels, 3, padding=1)
        self.output = nn.Conv1d(frame_channels, 2 * bins, 1)
        reach = (kernel // 2) * sum(dilations)
        self.margin = 2 + -(-reach // steps) + -(-4 // frames)
        """Latents on either side that the frames of one latent depend on, at most."""

    def forward(self, latents: Tensor, speaker: Tensor | None, contour: Contour) -> tuple[Tensor, Tensor]:
        """Compute log spectra, each (batch, frames, bins).

        Parameters
        ----------
        latents : (batch, dim, count)
        speaker : (batch, speaker_channels) or None
        contour : F0 on the frames, (batch, count * frames)
        """
        voiced = contour.voiced.to(latents.dtype)
        pitch = torch.stack([2 * (contour.log_f0 - REFERENCE_LOG_F0), voiced], 1).to(latents.dtype)
        given = [latents, fold(pitch, self.frames)]
        if speaker is not None:
            given.append(speaker[:, :, None].expand(-1, -1, latents.shape[2]))
        hidden = expand(self.input(torch.cat(given, 1)), self.steps)
        for block in self.blocks:
            hidden = block(hidden, speaker)
        hidden = expand(self.to_frames(F.gelu(hidden)), self.frames // self.steps) + self.pitch(pitch)
        hidden = hidden + F.gelu(self.smooth(F.gelu(hidden)))
        harmonic, noise = self.output(hidden).transpose(1, 2).split(self.bins, 2)
        return harmonic, noise


class PitchNetwork(nn.Module):
    """Latents and speaker to voicing and F0 of each frame, F0 in standard deviations from the speaker's mean.

    Parameters
    ----------
    dim, frames, speaker_channels : see `SpectraNetwork`
    channels, dilations : width of the residual blocks, dilation of each
    """

    def __init__(
        self, dim: int, *, frames: int, channels: int, dilations: Sequence[int], speaker_channels: int
    ) -> None:
        super().__init__()
        self.frames = frames
        self.input = nn.Conv1d(dim + speaker_channels, channels, 5, padding=2)
        self.blocks = nn.ModuleList(ResidualBlock(channels, 5, dilation, speaker_channels) for dilation in dilations)
        self.output = nn.Conv1d(channels, 2 * frames, 1)
        self.margin = 2 + 2 * sum(dilations)
        """As `SpectraNetwork.margin`."""

    def forward(self, latents: Tensor, speaker: Tensor | None) -> tuple[Tensor, Tensor]:
        """Compute the logit of voicing and the standardised log F0, each (batch, count * frames)."""
        given = [latents]
        if speaker is not None:
            given.append(speaker[:, :, None].expand(-1, -1, latents.shape[2]))
        hidden = self.input(torch.cat(given, 1))
        for block in self.blocks:
            hidden = block(hidden, speaker)
        voicing, height = expand(self.output(F.gelu(hidden)), self.frames).unbind(1)
        return voicing, height

    def distances(
        self, latents: Tensor, speaker: Tensor | None, height: Tensor, voiced: Tensor, real: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute the losses of F0 and of voicing, each (batch,), from the true ones.

        Parameters
        ----------
        latents, speaker : see `forward`
        height, voiced : (batch, frames) standardised log F0, and bool
        real : (batch, frames) bool, frames that count
        """
        logit, predicted = self(latents, speaker)
        error = F.smooth_l1_loss(predicted.float(), height.float(), reduction="none")
        unsure = F.binary_cross_entropy_with_logits(logit.float(), voiced.float(), reduction="none")
        return _masked_mean(error, real & voiced), _masked_mean(unsure, real)


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over masked frames of each row; 0 without any."""
    return (values * mask).sum(1) / mask.sum(1).clamp_min(1)
