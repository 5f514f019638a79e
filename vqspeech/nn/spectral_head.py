"""The auxiliary loss on spectral frames, which trains the codebook in the first minutes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.errors import InputError
from vqspeech.nn.decoders.conditioner import Conditioner
from vqspeech.nn.decoders.contour import continuous, on_frames
from vqspeech.nn.decoders.harmonic_network import REFERENCE_LOG_F0, ResidualBlock
from vqspeech.nn.encoders.spectral import SpectralFeatures
from vqspeech.nn.frame_error import ErrorKind, frame_errors

SPEAKER_CHANNELS = 64
"""Channels of the speaker embedding of residual blocks."""


class SpectralHead(nn.Module):
    """Predicts standardised spectral frames from latents and speaker, for an auxiliary loss.

    The negative log-likelihood of an autoregressive decoder barely depends on its codes at first, so codes learn
    slowly; the squared error of a spectrum predicted from codes and speaker alone tells them apart from the first step.

    Parameters
    ----------
    features : spectral features to predict
    dim : channels of the latents
    hop_samples : samples per latent, a multiple of the features' hop
    channels, kernel : see `Conditioner`
    speakers : number of speakers
    dilations : one dilated residual block each over the latents, conditioned on the speaker; codes may then share what
        they say about a sound with their neighbours
    loss : ``"squared"`` or ``"absolute"`` error
    pitch : also predicts from F0, so that codes need not say how high a voice is
    loud, differences : see `vqspeech.nn.frame_error.frame_errors`
    """

    def __init__(
        self,
        features: SpectralFeatures,
        *,
        dim: int,
        hop_samples: int,
        channels: int,
        kernel: int,
        speakers: int,
        dilations: Sequence[int] = (),
        loss: ErrorKind = "squared",
        pitch: bool = False,
        loud: float = 0.0,
        differences: float = 0.0,
    ) -> None:
        super().__init__()
        self.features = features
        self.loss = loss
        self.loud, self.differences = loud, differences
        self.needs_pitch = pitch
        self.conditioner = Conditioner(
            channels if dilations else dim,
            channels,
            kernel=kernel,
            upsampling=hop_samples // features.hop_samples,
            speakers=speakers,
        )
        self.output = nn.Linear(channels, features.channels)
        if dilations:
            width = SPEAKER_CHANNELS if speakers else 0
            self.speaker = nn.Embedding(speakers, width) if speakers else None
            self.input = nn.Conv1d(dim, channels, 3, padding=1)
            self.blocks = nn.ModuleList(ResidualBlock(channels, 5, dilation, width) for dilation in dilations)
        self.deep = bool(dilations)
        if pitch:
            self.pitch = nn.Conv1d(2, channels, 3, padding=1)
            self.frames = nn.ModuleList(ResidualBlock(channels, 5, dilation, 0) for dilation in (1, 2))

    def forward(self, z_q: Tensor, waveform: Tensor, speaker: Tensor, mask: Tensor, f0: Tensor | None = None) -> Tensor:
        """Weighted mean error over valid frames, a scalar.

        Parameters
        ----------
        z_q, waveform, speaker, f0 : latents (batch, dim, frames) and crops as in `SpeechBatch`
        mask : (batch, frames) bool as in `LossTerms`

        Raises
        ------
        InputError : without F0 for a head that predicts from it
        """
        latents = self._context(z_q, speaker) if self.deep else z_q
        hidden = self.conditioner(latents, speaker)
        if self.needs_pitch:
            hidden = self._with_pitch(hidden, f0)
        predicted = self.output(hidden).float()
        valid = mask.repeat_interleave(self.conditioner.upsampling, 1)
        target = self.features(waveform, valid.sum(1)).transpose(1, 2)
        errors = frame_errors(predicted, target, valid, kind=self.loss, loud=self.loud, differences=self.differences)
        return errors.sum() / valid.sum().clamp_min(1)

    def _with_pitch(self, hidden: Tensor, f0: Tensor | None) -> Tensor:
        """Compute (batch, frames, channels) from frames and F0 (batch, frames at `PITCH_RATE`)."""
        if f0 is None:
            raise InputError("the spectral head predicts from F0, and SpeechBatch.f0 is None")
        contour = continuous(f0, torch.full_like(f0[:, 0], REFERENCE_LOG_F0))
        contour = on_frames(contour, self.features.hop_samples / self.features.sample_rate, hidden.shape[1])
        melody = torch.stack([2 * (contour.log_f0 - REFERENCE_LOG_F0), contour.voiced.to(f0.dtype)], 1)
        hidden = hidden.transpose(1, 2) + self.pitch(melody.to(hidden.dtype))
        for block in self.frames:
            hidden = block(hidden, None)
        return F.gelu(hidden).transpose(1, 2)

    def _context(self, z_q: Tensor, speaker: Tensor) -> Tensor:
        """Compute (batch, channels, frames) from latents and their neighbours."""
        embedded = None if self.speaker is None else self.speaker(speaker)
        hidden = self.input(z_q)
        for block in self.blocks:
            hidden = block(hidden, embedded)
        return F.gelu(hidden)
