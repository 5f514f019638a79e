"""The model of `lab-gesture`: a VQ-VAE with convolutions, of clips of different lengths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech import parts
from vqspeech.config import Strict, at_least
from vqspeech.nn.batch import LossTerms
from vqspeech.nn.share import Share


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Strict):
    """The table ``model``: clip frames per code and second, channels, and the quantizer with its options."""

    rate_hz: int = 25
    stride: int = 4
    channels: int = 32
    quantizer: dict[str, Any] = field(default_factory=lambda: {"name": "ema", "codebook_size": 64})

    def __post_init__(self):
        at_least(1, self, "model", "rate_hz", "stride", "channels")


class Batch(NamedTuple):
    """Clips (batch, joints, frames), zeros beyond their lengths (batch,); frames is a multiple of the stride."""

    clips: Tensor
    lengths: Tensor
    share: Share | None = None

    def to(self, device):
        return self._replace(clips=self.clips.to(device), lengths=self.lengths.to(device))


class GestureVQVAE(nn.Module):
    """See `vqspeech.modality.Trainable`; `criterion` is no likelihood."""

    criterion = "error"

    def __init__(self, config, joints):
        super().__init__()
        self.stride, width = config.stride, config.channels
        self.encoder = nn.Conv1d(joints, width, config.stride, config.stride)
        self.quantizer = parts.build("quantizer", config.quantizer, width)
        self.codebook_sizes = self.quantizer.codebook_sizes
        self.decoder = nn.ConvTranspose1d(width, joints, config.stride, config.stride)

    def mask(self, lengths, frames):
        return torch.arange(frames, device=lengths.device) * self.stride < lengths[:, None]

    def latents(self, batch):
        z = torch.tanh(self.encoder(batch.clips))
        return z, self.mask(batch.lengths, z.shape[2])

    @torch.no_grad()
    def start(self, batch, generator):
        z, mask = self.latents(batch)
        self.quantizer.start(z.mT[mask], generator)

    def update(self, generator):
        self.quantizer.update(generator)

    def loss(self, batch, generator=None):
        z, mask = self.latents(batch)
        frames = mask.sum().clamp_min(1) if batch.share is None else max(1, batch.share.frames)
        quantized = self.quantizer.quantize(z, mask, generator if self.training else None, batch.share)
        part = mask.sum() / frames
        terms = {"error": self.error(batch, quantized.z_q, mask) / frames}
        terms |= {name: part * term for name, term in quantized.losses.items()}
        return LossTerms(
            sum(terms.values()), {name: term.detach() for name, term in terms.items()}, quantized.codes, mask
        )

    def error(self, batch, z_q, mask):
        """Sum over codes of the mean squared error of their frames."""
        squares = (self.decoder(z_q) - batch.clips).square().mean(1).unflatten(1, (-1, self.stride)).mean(2)
        return (squares * mask).sum()

    @torch.no_grad()
    def shuffled(self, batch):
        """Compute the error with the codes of the next clip."""
        z, mask = self.latents(batch)
        z_q = self.quantizer.decode(self.quantizer.encode(z, mask).roll(1, 0))
        return self.error(batch, z_q, mask) / mask.sum().clamp_min(1)

    @torch.no_grad()
    def encode(self, clip):
        """Codes (codebooks, codes) of one clip (frames, joints)."""
        padded = F.pad(clip.T, (0, -len(clip) % self.stride))[None]
        return self.quantizer.encode(torch.tanh(self.encoder(padded)))[0]

    @torch.no_grad()
    def decode(self, codes):
        """A clip (frames, joints) of codes (codebooks, codes)."""
        return self.decoder(self.quantizer.decode(codes[None]))[0].T
