"""Distances of spectra at several resolutions, the loss of decoders that generate a waveform in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.nn.pieces import rowwise

FLOOR = 1e-3
"""Added to magnitudes before the logarithm: the rounding of 16 bits stays below it."""

TINY = 1e-12
OVERLAP = 4
"""Frames that cover a sample."""


def powers(waveform: Tensor, window: Tensor, hop_samples: int) -> Tensor:
    """Compute a power spectrogram (batch, frames, bins); frame t is centred on sample t * hop, zeros outside."""
    spectrum = torch.stft(waveform, len(window), hop_samples, window=window, pad_mode="constant", return_complex=True)
    return torch.view_as_real(spectrum).square().sum(-1).transpose(1, 2)


def spectral_distance(made: Tensor, wanted: Tensor, lengths: Tensor, windows: Sequence[Tensor]) -> Tensor:
    """Compute the distance of each row, averaged over resolutions: log magnitudes plus spectral convergence.

    Yamamoto et al. 2020, arXiv 1910.11480, equations 4 to 6. The first is a mean over frequencies and frames, the
    second is ||made - wanted|| / ||wanted|| of the row's magnitudes. On CPUs `RowDistances` computes it.

    Parameters
    ----------
    made, wanted : (batch, time) waveforms; there is a gradient for `made` alone
    lengths : (batch,) samples of each that count
    windows : window of each resolution, its length a multiple of 4; its hop is a quarter of it

    Returns
    -------
    (batch,)
    """
    if made.device.type == "cpu":
        distances: Tensor = RowDistances.apply(made, wanted, lengths, *windows)
        return distances
    return plain_distance(made, wanted, lengths, windows)


def plain_distance(made: Tensor, wanted: Tensor, lengths: Tensor, windows: Sequence[Tensor]) -> Tensor:
    """As `spectral_distance`, with the gradient by automatic differentiation."""
    real = torch.arange(made.shape[1], device=made.device) < lengths[:, None]
    made, wanted = made * real, wanted * real
    distances = []
    for window in windows:
        hop = len(window) // OVERLAP
        one = powers(made, window, hop)
        with torch.no_grad():
            two = powers(wanted, window, hop)
        counts = (torch.arange(one.shape[1], device=made.device) * hop < lengths[:, None])[:, :, None]
        frames = counts.sum((1, 2)).clamp_min(1)
        logs = ((one + FLOOR**2).log() - (two + FLOOR**2).log()).abs().mul(0.5).mean(2, keepdim=True)
        error = (((one + TINY).sqrt() - (two + TINY).sqrt()).square() * counts).sum((1, 2))
        size = (two * counts).sum((1, 2)) + frames * one.shape[2] * FLOOR**2
        distances.append((logs * counts).sum((1, 2)) / frames + ((error + TINY) / size).sqrt())
    return torch.stack(distances).mean(0)


class RowDistances(torch.autograd.Function):
    """`plain_distance` row after row, so that spectra stay in the cache, with the gradient written out: 2.7 x as fast.

    The gradient is computed with the distance, since both need the same spectra.
    """

    @staticmethod
    def forward(ctx: Any, made: Tensor, wanted: Tensor, lengths: Tensor, *windows: Tensor) -> Tensor:
        """Compute distances (batch,)."""
        gradient = torch.zeros_like(made)
        distances = made.new_zeros(len(made))
        counts = lengths.tolist()

        def measure(row: int) -> None:
            length = counts[row]
            one, two = made[row, :length], wanted[row, :length]
            for window in windows:
                distance, slope = _row(one, two, window)
                distances[row] += distance / len(windows)
                gradient[row, :length] += slope / len(windows)

        rowwise(measure, len(made))
        ctx.save_for_backward(gradient)
        return distances

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradient (batch, time) of each row."""
        (gradient,) = ctx.saved_tensors
        return (outer[:, None] * gradient, *[None] * (len(ctx.needs_input_grad) - 1))


def _row(made: Tensor, wanted: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the distance of one row at one resolution, and its gradient for `made`; both rows (time,)."""
    size, time = len(window), len(made)
    hop = size // OVERLAP
    frames = max(1, -(-time // hop))

    def spectrum(waveform: Tensor) -> Tensor:
        padded = F.pad(waveform, (size // 2, size))[: (frames - 1) * hop + size]
        return torch.view_as_real(torch.fft.rfft(padded.unfold(0, size, hop) * window))

    first, second = spectrum(made), spectrum(wanted)
    one, two = first.square().sum(-1), second.square().sum(-1)
    raised = one + FLOOR**2
    logs = (raised / (two + FLOOR**2)).log_()
    magnitude = (one + TINY).sqrt_()
    error = magnitude - two.add(TINY).sqrt_()
    scale = two.sum() + one.numel() * FLOOR**2
    convergence = ((error.square().sum() + TINY) / scale).sqrt()
    distance = logs.abs().sum() * (0.5 / one.numel()) + convergence
    # the derivative for the power of each bin, then for its real and imaginary part, then the adjoint of the transform
    slope = logs.sign_().mul_(0.5 / one.numel()).div_(raised)
    slope += error.div_(magnitude).mul_(0.5 / (convergence * scale))
    complex_slope = torch.view_as_complex(first * (2 * slope)[..., None])
    complex_slope[:, 1 : (size + 1) // 2] *= 0.5
    parts = (torch.fft.irfft(complex_slope, size, norm="forward") * window).view(frames, OVERLAP, hop)
    total = made.new_zeros(frames + OVERLAP - 1, hop)
    for part in range(OVERLAP):
        total[part : part + frames] += parts[:, part]
    flat = F.pad(total.flatten()[size // 2 :], (0, size))
    return distance, flat[:time]
