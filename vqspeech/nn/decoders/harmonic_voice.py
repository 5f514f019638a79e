"""One speaker of the decoder `harmonic` speaking: stretch after stretch, with a phase and a noise that go on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vqspeech.nn.decoders.contour import Contour, continuous, on_frames
from vqspeech.nn.decoders.excitation import NoiseStream
from vqspeech.nn.decoders.harmonic_network import PitchNetwork, SpectraNetwork
from vqspeech.nn.decoders.protocol import DecoderStream, Stretch
from vqspeech.nn.decoders.source_filter import SourceFilter, limited

LOG_F0_RANGE = (3.9, 6.2)
"""log F0 is kept within 49 and 493 Hz."""


class HarmonicVoice(DecoderStream):
    """Generates the stretches of an utterance in order.

    Parameters
    ----------
    spectra, pitch, source_filter : parts of the decoder
    speaker : (1, speaker_channels), or None without speakers
    mean, std : (1,) mean and standard deviation of the speaker's log F0
    noise : the utterance's noise
    margin : latents on either side that a stretch depends on
    """

    def __init__(
        self,
        spectra: SpectraNetwork,
        pitch: PitchNetwork,
        source_filter: SourceFilter,
        *,
        speaker: Tensor | None,
        mean: Tensor,
        std: Tensor,
        noise: NoiseStream,
        margin: int,
    ) -> None:
        self._spectra, self._pitch, self._source_filter = spectra, pitch, source_filter
        self._speaker, self._mean, self._std, self._noise = speaker, mean, std, noise
        self._phase: Tensor | float = 0.0
        self.margin = margin

    def contour(self, pitch: npt.NDArray[np.float32] | None) -> Contour | None:
        """Return F0 (frames,) in Hz as a continuous contour; None for none."""
        if pitch is None or not len(pitch):
            return None
        window = self._source_filter.window
        return continuous(torch.as_tensor(pitch, dtype=window.dtype, device=window.device)[None], self._mean)

    @torch.inference_mode()
    def next(self, stretch: Stretch) -> npt.NDArray[np.float32]:
        """See `DecoderStream.next`."""
        made = self.waveform(stretch, self.contour(stretch.pitch))
        waveform: npt.NDArray[np.float32] = limited(made[0]).float().cpu().numpy()
        return waveform

    def waveform(self, stretch: Stretch, given: Contour | None) -> Tensor:
        """Generate the samples (1, time) of the next stretch, before they are limited.

        Parameters
        ----------
        stretch : its latents; `Stretch.pitch` is not read
        given : the contour of F0, from the frame `Stretch.pitch_start` on; None to predict it
        """
        window, per = self._source_filter.window, self._spectra.frames
        z_q = stretch.latents[None].to(window.device, window.dtype)
        if given is None:
            contour = predicted(self._pitch, z_q, self._speaker, self._mean, self._std)
        else:
            seconds = self._source_filter.frame_samples / self._source_filter.sample_rate
            count = z_q.shape[2] * per
            contour = on_frames(given, seconds, count, stretch.start * per, begins=stretch.pitch_start)
        contour = Contour(contour.log_f0.clamp(*LOG_F0_RANGE), contour.voiced)
        made = self._source_filter(
            self._spectra(z_q, self._speaker, contour),
            contour,
            self._noise,
            self._phase,
            kept=((stretch.first - stretch.start) * per, (stretch.last - stretch.start) * per),
            first=stretch.first * per,
        )
        self._phase = made.phase
        waveform: Tensor = made.waveform
        return waveform


def predicted(network: PitchNetwork, z_q: Tensor, speaker: Tensor | None, mean: Tensor, std: Tensor) -> Contour:
    """Predict F0, to a third of a cent: the phase would carry finer rounding on through an utterance.

    Parameters
    ----------
    network : the decoder's prediction of F0
    z_q : (batch, dim, count) latents
    speaker : (batch, speaker_channels), or None without speakers
    mean, std : (batch,) mean and standard deviation of the speakers' log F0
    """
    voicing, height = network(z_q, speaker)
    log_f0 = mean[:, None] + std[:, None] * height.clamp(-3, 3)
    return Contour((log_f0 * 4096).round() / 4096, voicing > 0)
