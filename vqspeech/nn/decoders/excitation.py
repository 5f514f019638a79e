"""The sources of a source-filter decoder: pulses at F0, and noise; and the filter, a spectrum per frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.nn.dft import exporting, filtered
from vqspeech.nn.pieces import rowwise

OVERLAP = 5
"""Frames that cover a sample. Odd, so that frames begin and end on multiples of the hop."""

MARGIN_FRAMES = OVERLAP // 2
"""Frames before the first and after the last one that also shape their samples."""

SOURCE_FRAMES = OVERLAP - 1
"""Frames of excitation that are needed on either side of the frames of a stretch."""

NOISE_SAMPLES = 1 << 14
"""Samples that `NoiseStream` draws at a time."""


class Pulses(NamedTuple):
    """A stretch of pulses.

    Parameters
    ----------
    waveform : (batch, time)
    phase : (batch, time) float64, cycles since the start
    """

    waveform: Tensor
    phase: Tensor


def pulses(f0: Tensor, hop_samples: int, sample_rate: int, phase: Tensor | float = 0.0) -> Pulses:
    """Make a band-limited train of pulses: all harmonics of F0 below half the sample rate, with equal amplitudes.

    The closed form of sum_k cos(2 pi k phase) (Moorer 1976), of unit power. The harmonic next to the limit fades in and
    out, so that a sweep has no steps.

    Parameters
    ----------
    f0 : (batch, frames + 2) in Hz, at the centres of the frames, with one more on either side for interpolation
    hop_samples : samples per frame
    sample_rate : in Hz
    phase : (batch, 1) float64 or 0, cycles before the first sample; see `Pulses`

    Returns
    -------
    frames * hop_samples samples
    """
    exact = _interpolated(f0.double(), hop_samples)
    cycles = phase + (exact / sample_rate).cumsum(1)
    turn, each = (cycles - cycles.round()).to(f0.dtype), exact.to(f0.dtype)
    limit = sample_rate / (2 * each)
    whole = limit.floor()
    full, part = (whole - 1).clamp_min(0), torch.where(whole >= 1, limit - whole, 0.0)
    below = torch.sin(torch.pi * turn)
    near = below.abs() < 1e-6
    # 1 + 2 sum of the harmonics; at the pulse itself its limit, with the same precision as beside it
    every = torch.where(
        near,
        2 * full + 1,
        torch.sin(torch.pi * (2 * full + 1) * turn) / torch.where(near, torch.ones_like(below), below),
    )
    waveform = every - 1 + 2 * part * torch.cos(2 * torch.pi * (full + 1) * turn)
    power = (2 * full + 2 * part.square()).clamp_min(1.0)
    return Pulses(waveform * power.rsqrt(), cycles)


def _interpolated(values: Tensor, hop_samples: int) -> Tensor:
    """Interpolate (batch, frames + 2) linearly between the centres of frames: (batch, frames * hop_samples)."""
    place = (torch.arange(hop_samples, device=values.device, dtype=values.dtype) + 0.5) / hop_samples - 0.5
    weights = torch.stack([(-place).clamp_min(0), 1 - place.abs(), place.clamp_min(0)])
    near = torch.stack([values[:, :-2], values[:, 1:-1], values[:, 2:]], 2)
    return (near @ weights).flatten(1)


def shaped(sources: Sequence[Tensor], gains: Sequence[Tensor], window: Tensor) -> Tensor:
    """Filter sources by a spectrum per frame, and add them: analysis and synthesis with the same window.

    Parameters
    ----------
    sources : each (batch, (frames + OVERLAP - 1) * hop), without gradient; frame t covers OVERLAP hops from t * hop on
    gains : for each source (batch, frames, bins), real
    window : (OVERLAP * hop,) periodic Hann window

    Returns
    -------
    (batch, (frames - OVERLAP + 1) * hop), the samples that OVERLAP frames cover
    """
    if exporting():
        hop = len(window) // OVERLAP
        margin = (OVERLAP - 1) * hop
        parts = [filtered(source, gain, window, hop) for source, gain in zip(sources, gains, strict=True)]
        return torch.stack(parts).sum(0)[:, margin:-margin] / (0.375 * OVERLAP)
    if window.device.type == "cpu":
        waveform: Tensor = RowsShaped.apply(window, *sources, *gains)
        return waveform
    return plain_shaped(sources, gains, window)


def plain_shaped(sources: Sequence[Tensor], gains: Sequence[Tensor], window: Tensor) -> Tensor:
    """As `shaped`, with the gradient by automatic differentiation."""
    size = len(window)
    hop = size // OVERLAP
    spectrum = sum(
        torch.fft.rfft(source.unfold(-1, size, hop) * window) * gain
        for source, gain in zip(sources, gains, strict=True)
    )
    frames = (torch.fft.irfft(spectrum, size) * window).unflatten(-1, (OVERLAP, hop))
    kept = frames.shape[-3] - OVERLAP + 1
    # Hann windows, squared, sum to 3/8 of their number.
    total = sum(frames[..., OVERLAP - 1 - part : OVERLAP - 1 - part + kept, part, :] for part in range(OVERLAP))
    return torch.as_tensor(total).flatten(-2) / (0.375 * OVERLAP)


class RowsShaped(torch.autograd.Function):
    """`plain_shaped` row after row, so that spectra stay in the cache, with the gradient of the gains written out."""

    @staticmethod
    def forward(ctx: Any, window: Tensor, *tensors: Tensor) -> Tensor:
        """Compute the waveform."""
        count = len(tensors) // 2
        ctx.save_for_backward(window, *tensors[:count])

        def shaped(row: int) -> Tensor:
            return plain_shaped([one[row] for one in tensors[:count]], [one[row] for one in tensors[count:]], window)

        return torch.stack(rowwise(shaped, len(tensors[0])))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradient of each gain; the spectra of the sources are computed again."""
        window, *sources = ctx.saved_tensors
        size = len(window)
        hop, bins = size // OVERLAP, size // 2 + 1
        frames = sources[0].shape[1] // hop - OVERLAP + 1
        slopes = [outer.new_empty(len(outer), frames, bins) for _ in sources]
        scale = outer.new_full((bins,), 1 / (0.375 * OVERLAP * size))
        scale[1 : (size + 1) // 2] *= 2
        # Only the kept samples count: there are none in the first and last OVERLAP - 1 hops.
        padded = F.pad(outer, ((OVERLAP - 1) * hop, (OVERLAP - 1) * hop))

        def differentiate(row: int) -> None:
            back = torch.view_as_real(torch.fft.rfft(padded[row].unfold(0, size, hop) * window))
            for source, slope in zip(sources, slopes, strict=True):
                spectrum = torch.view_as_real(torch.fft.rfft(source[row].unfold(0, size, hop) * window))
                torch.mul((spectrum * back).sum(-1), scale, out=slope[row])

        rowwise(differentiate, len(padded))
        return (None, *[None] * len(sources), *slopes)


class NoiseStream:
    """White noise of unit power, read forward in stretches that may overlap; equal however it is read.

    Parameters
    ----------
    generator : on the CPU; owned by the stream
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator
        self._held, self._start = torch.zeros(0), 0

    def read(self, start: int, stop: int) -> Tensor:
        """Return samples (stop - start,); what is before `start` is forgotten."""
        while self._start + len(self._held) < stop:
            self._held = torch.cat([self._held, torch.randn(NOISE_SAMPLES, generator=self._generator)])
        self._held = self._held[start - self._start :]
        self._start = start
        return self._held[: stop - start]
