"""The contract of encoders: what the model, bulk encoding and `vqspeech.testing` rely on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.share import Share


@dataclass(frozen=True)
class Span:
    """Samples on which code t depends, from ``t * hop - before`` to ``t * hop + after``."""

    before: int
    after: int
    hop: int

    @property
    def receptive_field(self) -> int:
        """Number of samples that one code depends on."""
        return self.before + self.after

    @property
    def delay_samples(self) -> float:
        """Delay in samples of the span's centre behind the centre of the code, positive for past."""
        return (self.hop - (self.after - self.before)) / 2


class Encoder(nn.Module):
    """The protocol of encoders, api 1: waveforms (batch, time) to latents (batch, dim, frames).

    The factory that a plugin registers is called as ``make(sample_rate, **options)``: the rate of the waveforms in Hz,
    then the keys of ``[model.encoder]`` as keywords. It raises `ValueError` or `ConfigError` for options that cannot be
    used, and downloads nothing: pretrained weights come in `load_pretrained`.

    Attributes
    ----------
    dim : channels of the latents
    hop_samples : samples per latent
    span : samples that one latent depends on; None when a latent may depend on the whole utterance, which is then
        encoded in one piece
    """

    dim: int
    hop_samples: int

    @property
    def span(self) -> Span | None:
        """Samples that one latent depends on; None for the whole utterance."""
        return None

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Compute latents.

        Parameters
        ----------
        waveform : (batch, time) float in [-1, 1], time of any length
        lengths : (batch,) int64, real samples of each row, zeros beyond; None when all are real. A row's latents up to
            ``ceil(lengths / hop_samples)`` equal those of the row on its own; those beyond mean nothing

        Returns
        -------
        (batch, dim, ceil(time / hop_samples))
        """
        raise NotImplementedError

    def last(self, waveform: Tensor, count: int) -> Tensor:
        """Compute the last latents (batch, dim, count) of waveforms; an encoder may leave out work on those before."""
        latents: Tensor = self(waveform)[..., -count:]
        return latents

    def perturbed(
        self, waveform: Tensor, lengths: Tensor | None, generator: torch.Generator, share: Share | None = None
    ) -> Tensor:
        """Compute latents in training, of an input that may be changed at random; as `forward` by default.

        Parameters
        ----------
        waveform, lengths : as in `forward`
        generator : generator of the changes, on the CPU
        share : position of the rows in a global batch, whose draws do not depend on its division
        """
        return self(waveform, lengths)

    def start(self, batch: SpeechBatch, generator: torch.Generator) -> None:
        """Initialise from data; called once before the first step, with the same batch everywhere."""

    def load_pretrained(self) -> Self:
        """Load weights that checkpoints do not store; called before training and use.

        Raises
        ------
        InputError : when they are not available, or differ from those that the checkpoint was trained with
        """
        return self
