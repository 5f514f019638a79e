"""The configuration of a speech model, and the presets that ship."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from vqspeech.config.values import Strict, at_least, merge, parse, require
from vqspeech.errors import unknown_name


@dataclass(frozen=True, kw_only=True)
class FrontEndConfig(Strict):
    """What the encoder looks at: the waveform, or standardised log-mel or MFCC frames of it."""

    kind: Literal["waveform", "logmel", "mfcc"] = "waveform"
    hop_samples: int = 160
    window_samples: int = 400
    n_mels: int = 40
    n_mfcc: int = 13
    deltas: bool = False
    mean_window_samples: int = 0
    lifter: float = 0.0

    def __post_init__(self) -> None:
        if self.kind != "waveform":
            _check_spectrum(self, "model.encoder.front_end")


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(Strict):
    """See `vqspeech.nn.encoders.conv.ConvEncoder`; strides are (kernel, stride) pairs."""

    front_end: FrontEndConfig = field(default_factory=FrontEndConfig)
    strides: tuple[tuple[int, int], ...] = ((4, 2),) * 6
    channels: int = 256
    dim: int = 64
    residual_dilations: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        at_least(1, self, "model.encoder", "channels", "dim")
        require(len(self.strides) >= 1, "model.encoder.strides: at least one (kernel, stride); [[3, 1]] keeps the rate")
        require(all(k >= s >= 1 for k, s in self.strides), "model.encoder.strides: kernel >= stride >= 1 each")
        require(all(d >= 1 for d in self.residual_dilations), "model.encoder.residual_dilations: at least 1 each")

    @property
    def hop_samples(self) -> int:
        """Samples per code."""
        hop = 1 if self.front_end.kind == "waveform" else self.front_end.hop_samples
        for _, stride in self.strides:
            hop *= stride
        return hop


@dataclass(frozen=True, kw_only=True)
class DecoderConfig(Strict):
    """See `vqspeech.nn.decoders.wavenet.WaveNet`; dilations are 1, 2, 4, ... in each of `cycles` cycles."""

    cycles: int = 3
    layers_per_cycle: int = 10
    kernel_size: int = 2
    residual_channels: int = 64
    skip_channels: int = 256
    condition_channels: int = 64
    condition_kernel: int = 3
    condition_upsampling: int = 1

    def __post_init__(self) -> None:
        at_least(1, self, "model.decoder", *(item.name for item in dataclasses.fields(self)))
        require(self.condition_kernel % 2 == 1, "model.decoder.condition_kernel: odd")

    @property
    def dilations(self) -> tuple[int, ...]:
        """Of each layer, in samples."""
        return tuple(2**layer for layer in range(self.layers_per_cycle)) * self.cycles


@dataclass(frozen=True, kw_only=True)
class SpectralHeadConfig(Strict):
    """Auxiliary prediction of spectral frames from codes and speaker (not part of the paper); weight 0 is off."""

    weight: float = 0.0
    kind: Literal["logmel", "mfcc"] = "mfcc"
    hop_samples: int = 160
    window_samples: int = 400
    n_mels: int = 40
    n_mfcc: int = 13
    mean_window_samples: int = 0
    lifter: float = 0.0
    channels: int = 128
    kernel: int = 3

    def __post_init__(self) -> None:
        at_least(0, self, "model.spectral", "weight")
        if self.weight > 0:
            at_least(1, self, "model.spectral", "channels")
            require(self.kernel >= 1 and self.kernel % 2 == 1, "model.spectral.kernel: odd, at least 1")
            _check_spectrum(self, "model.spectral")


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Strict):
    """A VQ-VAE on speech.

    `quantizer` holds ``name`` and the hyper-parameters of the registered quantizer of that name; ``dim`` is the encoder's.
    """

    preset: str | None = None
    sample_rate: int = 16_000
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    quantizer: dict[str, Any] = field(default_factory=lambda: {"name": "vq"})
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    spectral: SpectralHeadConfig = field(default_factory=SpectralHeadConfig)
    jitter: float = 0.0
    past_noise: float = 0.0
    decoder_gradient: float = 1.0

    def __post_init__(self) -> None:
        at_least(1, self, "model", "sample_rate")
        require(isinstance(self.quantizer.get("name"), str), "model.quantizer.name: the name of a quantizer")
        hop = self.encoder.hop_samples
        require(hop % self.decoder.condition_upsampling == 0, f"model.decoder.condition_upsampling: a divisor of {hop}")
        require(
            self.spectral.weight == 0 or hop % self.spectral.hop_samples == 0,
            f"model.spectral.hop_samples: a divisor of the encoder's hop, {hop}",
        )
        require(0 <= self.jitter < 0.5, "model.jitter: at least 0 and below 0.5")
        at_least(0, self, "model", "past_noise")
        require(0 <= self.decoder_gradient <= 1, "model.decoder_gradient: between 0 and 1")
        require(
            self.decoder_gradient > 0 or self.spectral.weight > 0,
            "model.decoder_gradient: above 0 without a spectral head, or nothing teaches the encoder",
        )


def _check_spectrum(config: FrontEndConfig | SpectralHeadConfig, table: str) -> None:
    at_least(1, config, table, "hop_samples", "window_samples", "n_mels", "n_mfcc")
    at_least(0, config, table, "mean_window_samples")
    require(config.kind != "mfcc" or config.n_mfcc <= config.n_mels, f"{table}.n_mfcc: at most {table}.n_mels")
    require(
        config.kind == "mfcc" or config.lifter == 0, f"{table}.lifter: weighs cepstral coefficients; kind is logmel"
    )


def presets() -> tuple[str, ...]:
    """Names of the shipped model presets."""
    folder = resources.files("vqspeech") / "presets"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def parse_model(values: Mapping[str, Any]) -> ModelConfig:
    """A model configuration: the preset named by ``preset``, if any, with the other values over it.

    Raises
    ------
    UnknownNameError : for a preset that does not exist
    ConfigError : for unknown keys and unusable values
    """
    preset = values.get("preset")
    if preset is not None:
        if preset not in presets():
            raise unknown_name("preset", str(preset), presets())
        text = (resources.files("vqspeech") / "presets" / f"{preset}.toml").read_text(encoding="utf-8")
        values = merge(tomllib.loads(text), values)
    return parse(ModelConfig, values, "model.")
