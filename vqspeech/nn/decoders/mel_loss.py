"""Distance of log-mel frames of a generated waveform."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.encoders.spectral import SpectralFeatures
from vqspeech.nn.frame_error import frame_errors

BANDS = 80
LOUD = 2.0
"""See `vqspeech.nn.frame_error.frame_errors`."""


class MelDistance(nn.Module):
    """Absolute error of standardised log-mel frames, one of 25 ms every 10 ms (cf. Kong et al. 2020, equation 4).

    Parameters
    ----------
    sample_rate : rate in Hz
    differences : see `vqspeech.nn.frame_error.frame_errors`
    """

    def __init__(self, sample_rate: int, differences: float) -> None:
        super().__init__()
        self.differences = differences
        self.features = SpectralFeatures(
            "logmel",
            sample_rate=sample_rate,
            hop_samples=sample_rate // 100,
            window_samples=sample_rate // 40,
            n_mels=BANDS,
        )

    def fit(self, waveform: Tensor, lengths: Tensor) -> None:
        """Standardise by recordings (batch, time), with the number of samples of each."""
        waveform = self._whole(waveform)
        self.features.fit(waveform, self._real(waveform, lengths))

    def forward(self, made: Tensor, wanted: Tensor, lengths: Tensor) -> Tensor:
        """Compute the mean error of each row.

        Parameters
        ----------
        made, wanted : (batch, time) waveforms; there is a gradient for `made` alone
        lengths : (batch,) samples of each that count

        Returns
        -------
        (batch,)
        """
        made, wanted = self._whole(made), self._whole(wanted)
        real = self._real(made, lengths)
        with torch.no_grad():
            target = self.features(wanted).transpose(1, 2)
        predicted = self.features(made).transpose(1, 2)
        errors = frame_errors(predicted, target, real, loud=LOUD, differences=self.differences)
        return errors / real.sum(1).clamp_min(1)

    def _whole(self, waveform: Tensor) -> Tensor:
        return F.pad(waveform, (0, -waveform.shape[1] % self.features.hop_samples))

    def _real(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        hop = self.features.hop_samples
        return torch.arange(waveform.shape[1] // hop, device=waveform.device) * hop < lengths[:, None]
