"""The parts of a model as modules that are written as ONNX graphs: tensors in, tensors out, any batch and length."""

from __future__ import annotations

from torch import Tensor, nn

from vqspeech.nn.decoders.contour import Contour
from vqspeech.nn.decoders.harmonic import Harmonic
from vqspeech.nn.decoders.harmonic_voice import LOG_F0_RANGE, predicted
from vqspeech.nn.decoders.source_filter import limited
from vqspeech.nn.quantize import Quantizer
from vqspeech.nn.vqvae import VQVAE


class CodesOf(nn.Module):
    """Waveforms (batch, time) and their lengths (batch,) to codes (batch, codebooks, frames)."""

    def __init__(self, model: VQVAE) -> None:
        super().__init__()
        self.encoder, self.quantizer = model.encoder, model.quantizer

    def forward(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        """Compute codes; those beyond ``ceil(lengths / hop_samples)`` mean nothing."""
        codes: Tensor = self.quantizer.encode(self.encoder(waveform, lengths))
        return codes


class PitchOf(nn.Module):
    """Codes and speakers (batch,) to log F0 and voicing of the decoder's frames."""

    def __init__(self, quantizer: Quantizer, decoder: Harmonic) -> None:
        super().__init__()
        self.quantizer, self.decoder = quantizer, decoder

    def forward(self, codes: Tensor, speaker: Tensor) -> Contour:
        """Compute log F0 and voicing, (batch, frames)."""
        return predicted(self.decoder.pitch, self.quantizer.decode(codes), *self.decoder.speaker_values(speaker))


class SpeechOf(nn.Module):
    """Codes, speakers, F0 of the decoder's frames, and white noise, to waveforms (batch, samples)."""

    def __init__(self, quantizer: Quantizer, decoder: Harmonic) -> None:
        super().__init__()
        self.quantizer, self.decoder = quantizer, decoder

    def forward(self, codes: Tensor, speaker: Tensor, log_f0: Tensor, voiced: Tensor, noise: Tensor) -> Tensor:
        """Compute waveforms; noise (batch, `SourceFilter.noise_samples` of the frames)."""
        contour = Contour(log_f0.clamp(*LOG_F0_RANGE), voiced)
        vector, _, _ = self.decoder.speaker_values(speaker)
        spectra = self.decoder.spectra(self.quantizer.decode(codes), vector, contour)
        return limited(self.decoder.source_filter(spectra, contour, noise).waveform)
