"""The encoder under test, built anew for each check, and waveforms to encode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from vqspeech.errors import InputError
from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.encoders.protocol import Encoder
from vqspeech.registry.specs import EncoderSpec
from vqspeech.testing.modules import build, generator


@dataclass(frozen=True)
class EncoderSubject:
    """A registered name or a factory, with the arguments to build an encoder.

    Parameters
    ----------
    encoder : the name, or ``make(sample_rate, **options)``
    sample_rate : rate of the waveforms, in Hz
    options : keys of ``[model.encoder]``
    """

    encoder: str | Callable[..., Encoder]
    sample_rate: int = 16_000
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """See `vqspeech.testing.cases.Subject`."""
        return self.encoder if isinstance(self.encoder, str) else self.encoder.__name__

    def built(self, seed: int = 0) -> Encoder:
        """A new encoder in training mode without pretrained weights, a function of the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made: Encoder = build(EncoderSpec, self.encoder, self.sample_rate, self.options)
        return made.train()

    def fresh(self, seed: int = 0) -> Encoder:
        """A new encoder in training mode; skips the check where its pretrained weights are not available."""
        made = self.built(seed)
        try:
            made.load_pretrained()
        except InputError as error:
            pytest.skip(f"pretrained weights are not available: {error}")
        return made.train()

    def started(self) -> Encoder:
        """A new encoder after its data-dependent initialisation."""
        encoder = self.fresh()
        encoder.start(self.batch(encoder), generator(2))
        return encoder

    def frames(self, encoder: Encoder) -> int:
        """Frames of a test waveform: some more than one latent depends on."""
        span = encoder.span
        return 12 if span is None else 8 + -(-span.receptive_field // encoder.hop_samples)

    def waveforms(self, batch: int, samples: int, seed: int = 0) -> Tensor:
        """Harmonics of a pitch each, in noise: (batch, samples) float in [-1, 1]."""
        time = torch.arange(samples) / self.sample_rate
        noise = torch.randn(batch, samples, generator=generator(seed))
        pitch_hz = 80 + 160 * torch.rand(batch, 1, generator=generator(seed + 1))
        voice = sum(torch.sin(2 * torch.pi * n * pitch_hz * time) / n for n in range(1, 6))
        return (0.1 * voice + 0.05 * noise).clamp(-1, 1)

    def batch(self, encoder: Encoder) -> SpeechBatch:
        """Four crops, one of them half as long as the others."""
        frames = self.frames(encoder)
        waveform = self.waveforms(4, frames * encoder.hop_samples, seed=7)
        lengths = torch.full((4,), waveform.shape[1])
        lengths[1] = waveform.shape[1] // 2
        waveform[1, lengths[1] :] = 0
        return SpeechBatch(
            waveform, lengths, torch.zeros(4, dtype=torch.int64), torch.zeros(4, dtype=torch.int64), frames
        )
