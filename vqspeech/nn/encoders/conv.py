"""The encoder: strided convolutions that shorten the time axis, then dilated residual blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.config import FrontEndConfig, PerturbConfig, at_least, require
from vqspeech.config.model import MOST_RATE
from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.encoders.protocol import Encoder, Span
from vqspeech.nn.encoders.spectral import Change, SpectralFeatures
from vqspeech.nn.perturb import perturbed_bands
from vqspeech.nn.share import Share

PAPER_STRIDES = ((4, 2),) * 6
"""Kernel and stride of each convolution of the paper's VCTK encoder."""

WAVEFORM = FrontEndConfig()
UNCHANGED = PerturbConfig()


def conv_encoder(
    sample_rate: int,
    *,
    front_end: FrontEndConfig = WAVEFORM,
    strides: tuple[tuple[int, int], ...] = PAPER_STRIDES,
    channels: int = 256,
    dim: int = 64,
    residual_dilations: tuple[int, ...] = (),
    residual_kernel: int = 3,
    perturb: PerturbConfig = UNCHANGED,
) -> ConvEncoder:
    """Build the encoder of ``[model.encoder] name = "conv"``; options as in `ConvEncoder`.

    Raises
    ------
    ConfigError : for values that no encoder has
    """
    at_least(1, {"channels": channels, "dim": dim}, "model.encoder", "channels", "dim")
    require(len(strides) >= 1, "model.encoder.strides: at least one (kernel, stride); [[3, 1]] keeps the rate")
    require(all(k >= s >= 1 for k, s in strides), "model.encoder.strides: kernel >= stride >= 1 each")
    hop = math.prod(stride for _, stride in strides)
    require(hop <= MOST_RATE, f"model.encoder.strides: a code of {hop} samples; at most {MOST_RATE}")
    require(all(d >= 1 for d in residual_dilations), "model.encoder.residual_dilations: at least 1 each")
    require(residual_kernel % 2 == 1 and residual_kernel >= 1, "model.encoder.residual_kernel: odd")
    changes = perturb != UNCHANGED
    require(not changes or front_end.kind != "waveform", "model.encoder.perturb: front_end.kind is logmel or mfcc")
    features = None if front_end.kind == "waveform" else SpectralFeatures.of(front_end, sample_rate)
    return ConvEncoder(
        strides=strides,
        channels=channels,
        dim=dim,
        residual_dilations=residual_dilations,
        residual_kernel=residual_kernel,
        front_end=features,
        perturb=perturb,
    )


class ConvEncoder(Encoder):
    """Waveform (or spectral features of it) to latents.

    The paper's VCTK encoder is six strided convolutions of kernel 4 and stride 2 over the waveform, 64 times shorter
    (van den Oord et al. 2017, section 4.3); channel widths and non-linearities are not given there. Each convolution
    pads (kernel - stride) // 2 on the left and the rest on the right, so that n * hop samples give n codes and code t
    covers samples [t * hop, (t + 1) * hop). The end of a waveform is padded with silence to a multiple of the hop.

    Parameters
    ----------
    strides : (kernel, stride) of each strided convolution, kernel >= stride
    channels : width of all hidden layers
    dim : channels of the latents
    residual_dilations : one dilated residual block (pre-activation) each
    residual_kernel : odd width of their convolutions
    front_end : spectral features to start from; None for the waveform
    perturb : random changes of the front end's log-mel bands in training
    """

    def __init__(
        self,
        *,
        strides: Sequence[tuple[int, int]],
        channels: int,
        dim: int,
        residual_dilations: Sequence[int] = (),
        residual_kernel: int = 3,
        front_end: SpectralFeatures | None = None,
        perturb: PerturbConfig = UNCHANGED,
    ) -> None:
        super().__init__()
        self.front_end = front_end
        self.dim = dim
        self.strides = tuple(strides)
        self.residual_dilations = tuple(residual_dilations)
        self.perturb = perturb
        self.residual_reach = residual_kernel // 2 * sum(self.residual_dilations)
        front_hop = front_end.hop_samples if front_end is not None else 1
        self.hop_samples = front_hop * math.prod(stride for _, stride in self.strides)
        widths = [front_end.channels if front_end is not None else 1] + [channels] * len(self.strides)
        self.down = nn.ModuleList(
            nn.Conv1d(wide_in, wide_out, kernel, stride)
            for (kernel, stride), wide_in, wide_out in zip(self.strides, widths, widths[1:], strict=False)
        )
        self.blocks = nn.ModuleList(
            _ResidualBlock(channels, residual_kernel, dilation) for dilation in self.residual_dilations
        )
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, dim)

    @torch.no_grad()
    def start(self, batch: SpeechBatch, generator: torch.Generator) -> None:
        """Standardise spectral features on the batch."""
        if self.front_end is not None:
            self.front_end.fit(batch.waveform, batch.frame_mask(self.front_end.hop_samples))

    @property
    def span(self) -> Span:
        """The samples that a code depends on, computed from the layers."""
        step, before, after = 1, 0, 1
        if self.front_end is not None:
            step = self.front_end.hop_samples
            margin = self.front_end.receptive_field - step
            before, after = margin // 2, step + margin - margin // 2
        for kernel, stride in self.strides:
            left = (kernel - stride) // 2
            before += left * step
            after += (kernel - 1 - left) * step
            step *= stride
        reach = self.residual_reach * step
        return Span(before=before + reach, after=after + reach, hop=step)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode a batch.

        Parameters
        ----------
        waveform : (batch, time) float in [-1, 1]; any time, padded with silence to a multiple of the hop
        lengths : (batch,) int64, number of real samples of each waveform, with zeros beyond them; every layer is then
            zero beyond the end, as for a waveform on its own. Latents beyond ``ceil(lengths / hop_samples)`` mean
            nothing

        Returns
        -------
        (batch, dim, ceil(time / hop_samples))
        """
        return self._encode(waveform, lengths, None)

    def last(self, waveform: Tensor, count: int) -> Tensor:
        """See `Encoder.last`: features are of the whole waveform, convolutions see those that they depend on."""
        if self.front_end is None:
            return super().last(waveform, count)
        waveform = F.pad(waveform, (0, -waveform.shape[-1] % self.hop_samples))
        margin = self.span.before - (self.front_end.receptive_field - self.front_end.hop_samples) // 2
        frames = (count + -(-margin // self.hop_samples)) * (self.hop_samples // self.front_end.hop_samples)
        return self._convolved(self.front_end(waveform)[..., -frames:], None)[..., -count:]

    def perturbed(
        self, waveform: Tensor, lengths: Tensor | None, generator: torch.Generator, share: Share | None = None
    ) -> Tensor:
        """See `Encoder.perturbed`: the log-mel bands are changed as `perturb` says."""
        if self.perturb == UNCHANGED:
            return self(waveform, lengths)
        changes = asdict(self.perturb)
        return self._encode(waveform, lengths, partial(perturbed_bands, **changes, generator=generator, share=share))

    def _encode(self, waveform: Tensor, lengths: Tensor | None, change: Change | None) -> Tensor:
        waveform = F.pad(waveform, (0, -waveform.shape[-1] % self.hop_samples))
        ends = None if lengths is None else (lengths + self.hop_samples - 1) // self.hop_samples * self.hop_samples
        if self.front_end is not None:
            ends = None if ends is None else ends // self.front_end.hop_samples
            hidden = _cut(self.front_end(waveform, ends, change), ends)
        else:
            hidden = waveform[:, None]
        return self._convolved(hidden, ends)

    def _convolved(self, hidden: Tensor, ends: Tensor | None) -> Tensor:
        """Compute latents from the input of the convolutions (batch, channels, time)."""
        hidden = hidden.to(self.head.weight.dtype)
        for convolution, (kernel, stride) in zip(self.down, self.strides, strict=True):
            left = (kernel - stride) // 2
            ends = None if ends is None else ends // stride
            hidden = _cut(F.relu(convolution(F.pad(hidden, (left, kernel - stride - left)))), ends)
        for block in self.blocks:
            hidden = _cut(block(hidden), ends)
        return self.head(self.norm(hidden.transpose(1, 2))).transpose(1, 2)


def _cut(hidden: Tensor, ends: Tensor | None) -> Tensor:
    """Set (batch, channels, time) to zero from each row's end on."""
    if ends is None:
        return hidden
    inside = torch.arange(hidden.shape[-1], device=hidden.device) < ends[:, None]
    return hidden * inside[:, None]


class _ResidualBlock(nn.Module):
    """A residual block of a dilated convolution and a pointwise one."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(channels, channels, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.pointwise = nn.Conv1d(channels, channels, 1)
        nn.init.normal_(self.pointwise.weight, std=0.1 / math.sqrt(channels))
        assert self.pointwise.bias is not None
        nn.init.zeros_(self.pointwise.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.pointwise(torch.relu(self.dilated(torch.relu(hidden))))
