"""The sound of a source-filter decoder: from F0 and log spectra of frames to a waveform."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vqspeech.nn.decoders.contour import Contour
from vqspeech.nn.decoders.excitation import MARGIN_FRAMES, OVERLAP, SOURCE_FRAMES, NoiseStream, pulses, shaped

LOG_GAINS = (-14.0, 4.0)
"""Log gains are kept in this range."""


class Generated(NamedTuple):
    """A stretch of a waveform (batch, time), and the phase (batch, 1) at which the next one starts."""

    waveform: Tensor
    phase: Tensor


class SourceFilter(nn.Module):
    """Pulses at F0 and noise, each filtered by a spectrum per frame, without weights.

    Parameters
    ----------
    frame_samples : samples per frame
    sample_rate : in Hz

    Attributes
    ----------
    bins : frequencies of a spectrum, from 0 to half the sample rate
    window : window of analysis and synthesis
    """

    def __init__(self, frame_samples: int, sample_rate: int) -> None:
        super().__init__()
        self.frame_samples, self.sample_rate = frame_samples, sample_rate
        self.bins = OVERLAP * frame_samples // 2 + 1
        self.register_buffer("window", torch.hann_window(OVERLAP * frame_samples), persistent=False)

    window: Tensor

    def noise_samples(self, frames: int) -> int:
        """Return the samples of noise that `forward` needs for some frames."""
        return (frames + 2 * SOURCE_FRAMES) * self.frame_samples

    def forward(
        self,
        spectra: tuple[Tensor, Tensor],
        contour: Contour,
        noise: Tensor | NoiseStream,
        phase: Tensor | float = 0.0,
        kept: tuple[int, int] | None = None,
        first: int = 0,
    ) -> Generated:
        """Generate the samples of the kept frames; those beyond the ends repeat the first and the last frame.

        Parameters
        ----------
        spectra : log spectra of pulses and noise, each (batch, frames, bins)
        contour : F0 of the same frames
        noise : (batch, time) with `SOURCE_FRAMES` more frames on either side, or a stream of it
        phase : cycles before the first sample of excitation
        kept : the kept frames, all by default
        first : number of the first kept frame in the utterance, for the stream
        """
        frames = contour.log_f0.shape[1]
        start, stop = kept or (0, frames)
        dtype, device = self.window.dtype, self.window.device

        def around(margin: int) -> Tensor:
            return torch.arange(start - margin, stop + margin, device=device).clamp(0, frames - 1)

        source = pulses(
            contour.log_f0[:, around(SOURCE_FRAMES + 1)].to(dtype).exp(), self.frame_samples, self.sample_rate, phase
        )
        if isinstance(noise, NoiseStream):
            begin = first * self.frame_samples
            noise = noise.read(begin, begin + source.waveform.shape[1])[None].to(device, dtype)
        shape = around(MARGIN_FRAMES)
        voiced = contour.voiced[:, shape, None].to(dtype)
        harmonic, breath = (spectrum[:, shape].to(dtype).clamp(-14, 4).exp() for spectrum in spectra)
        waveform = shaped((source.waveform, noise), (harmonic * voiced, breath), self.window)
        carried = source.phase[:, (stop - start) * self.frame_samples - 1, None]
        return Generated(waveform, carried - carried.floor())


def limited(waveform: Tensor, knee: float = 0.9) -> Tensor:
    """Limit to [-1, 1] smoothly, and only where the magnitude exceeds the knee."""
    size = waveform.abs()
    over = knee + (1 - knee) * torch.tanh((size - knee) / (1 - knee))
    return torch.where(size > knee, over * waveform.sign(), waveform)
