"""The auxiliary loss on spectral frames, which trains the codebook in the first minutes."""

from __future__ import annotations

from torch import Tensor, nn

from vqspeech.nn.decoders.conditioner import Conditioner
from vqspeech.nn.encoders.spectral import SpectralFeatures


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
    """

    def __init__(
        self, features: SpectralFeatures, *, dim: int, hop_samples: int, channels: int, kernel: int, speakers: int
    ) -> None:
        super().__init__()
        self.features = features
        self.conditioner = Conditioner(
            dim, channels, kernel=kernel, upsampling=hop_samples // features.hop_samples, speakers=speakers
        )
        self.output = nn.Linear(channels, features.channels)

    def forward(self, z_q: Tensor, waveform: Tensor, speaker: Tensor, mask: Tensor) -> Tensor:
        """Mean squared error over valid frames, a scalar; mask (batch, frames) as in `LossTerms`."""
        predicted = self.output(self.conditioner(z_q, speaker)).float()
        valid = mask.repeat_interleave(self.conditioner.upsampling, 1)
        target = self.features(waveform, valid.sum(1)).transpose(1, 2)
        error = (predicted - target).square().mean(-1)
        return (error * valid).sum() / valid.sum().clamp_min(1)
