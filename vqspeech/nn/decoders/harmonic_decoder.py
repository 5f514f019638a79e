"""The registered decoder `harmonic`: its options, their defaults and checks."""

from __future__ import annotations

from collections.abc import Sequence

from vqspeech.config import at_least, at_most, require
from vqspeech.config.model import MOST_RATE
from vqspeech.nn.decoders.harmonic import Harmonic
from vqspeech.nn.decoders.protocol import Latents

TABLE = "model.decoder"


def harmonic_decoder(
    latents: Latents,
    *,
    channels: int = 224,
    kernel: int = 5,
    dilations: Sequence[int] = (1, 2, 4, 1, 2, 4),
    frame_channels: int = 128,
    speaker_channels: int = 64,
    pitch_channels: int = 128,
    pitch_dilations: Sequence[int] = (1, 2, 4),
    loss_windows: Sequence[int] = (16, 32, 64),
    pitch_weight: float = 0.5,
    mel_weight: float = 0.0,
    mel_differences: float = 2.0,
    output_rate: int = 0,
    adversary_weight: float = 0.0,
    adversary_channels: int = 32,
) -> Harmonic:
    """Build the decoder of ``[model.decoder] name = "harmonic"``.

    Parameters
    ----------
    latents : description of the latents
    channels, kernel, dilations, frame_channels : see `vqspeech.nn.decoders.harmonic_network.SpectraNetwork`
    speaker_channels : channels of the speaker embedding
    pitch_channels, pitch_dilations : see `vqspeech.nn.decoders.harmonic_network.PitchNetwork`
    loss_windows : windows of the spectral loss, in milliseconds
    pitch_weight : weight of the losses of predicted F0 and voicing
    mel_weight : weight of the error of 80 log-mel bands; 0 for none
    mel_differences : what the error of their differences over 20 ms counts beside it, see
        `vqspeech.nn.frame_error.frame_errors`
    output_rate : rate of the speech in Hz, for example 48000; 0 for that of the encoded waveform. The hop must be a
        whole number of samples at this rate
    adversary_weight : weight of the losses from adversaries (`vqspeech.nn.decoders.adversary`), which are trained
        beside; 0 for none. They judge spectrograms at the resolutions of the spectral loss, and are slow without a GPU
    adversary_channels : width of the adversaries

    Raises
    ------
    ConfigError : for impossible values
    """
    counts = {
        "channels": channels,
        "kernel": kernel,
        "frame_channels": frame_channels,
        "speaker_channels": speaker_channels,
        "pitch_channels": pitch_channels,
        "adversary_channels": adversary_channels,
    }
    at_least(1, counts, TABLE, *counts)
    amounts = {
        "pitch_weight": pitch_weight,
        "mel_weight": mel_weight,
        "mel_differences": mel_differences,
        "output_rate": output_rate,
        "adversary_weight": adversary_weight,
    }
    at_least(0, amounts, TABLE, *amounts)
    at_most(MOST_RATE, {"output_rate": output_rate}, TABLE, "output_rate")
    rate = output_rate or latents.sample_rate
    require(rate >= latents.sample_rate, f"{TABLE}.output_rate: at least model.sample_rate, {latents.sample_rate}")
    require(
        latents.hop_samples * rate % latents.sample_rate == 0,
        f"{TABLE}.output_rate = {output_rate}: a code of {latents.hop_samples} samples at {latents.sample_rate} Hz is "
        "no whole number of samples",
    )
    require(kernel % 2 == 1, f"{TABLE}.kernel: odd")
    for name, values in (
        ("dilations", dilations),
        ("pitch_dilations", pitch_dilations),
        ("loss_windows", loss_windows),
    ):
        require(len(values) > 0 and min(values) >= 1, f"{TABLE}.{name}: a list of numbers of at least 1")
    return Harmonic(
        latents,
        channels=channels,
        kernel=kernel,
        dilations=dilations,
        frame_channels=frame_channels,
        speaker_channels=speaker_channels if latents.speakers else 0,
        pitch_channels=pitch_channels,
        pitch_dilations=pitch_dilations,
        loss_windows=loss_windows,
        pitch_weight=pitch_weight,
        sample_rate=rate,
        mel_weight=mel_weight,
        mel_differences=mel_differences,
        adversary_weight=adversary_weight,
        adversary_channels=adversary_channels,
    )
