"""The auxiliary loss on spectral frames, which trains the codebook in the first minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.decoders.conditioner import Conditioner
from vqspeech.nn.decoders.harmonic_network import ResidualBlock
from vqspeech.nn.encoders.spectral import SpectralFeatures

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
        loss: Literal["squared", "absolute"] = "squared",
    ) -> None:
        super().__init__()
        self.features = features
        self.loss = loss
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

    def forward(self, z_q: Tensor, waveform: Tensor, speaker: Tensor, mask: Tensor) -> Tensor:
        """Mean error over valid frames, a scalar; mask (batch, frames) as in `LossTerms`."""
        latents = self._context(z_q, speaker) if self.deep else z_q
        predicted = self.output(self.conditioner(latents, speaker)).float()
        valid = mask.repeat_interleave(self.conditioner.upsampling, 1)
        target = self.features(waveform, valid.sum(1)).transpose(1, 2)
        difference = predicted - target
        error = (difference.square() if self.loss == "squared" else difference.abs()).mean(-1)
        return (error * valid).sum() / valid.sum().clamp_min(1)

    def _context(self, z_q: Tensor, speaker: Tensor) -> Tensor:
        """Compute (batch, channels, frames) from latents and their neighbours."""
        embedded = None if self.speaker is None else self.speaker(speaker)
        hidden = self.input(z_q)
        for block in self.blocks:
            hidden = block(hidden, embedded)
        return F.gelu(hidden)
