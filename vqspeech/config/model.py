"""The configuration of a speech model, and the shipped presets."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from vqspeech.config.values import Strict, at_least, at_most, merge, parse, require
from vqspeech.errors import unknown_name

MOST_RATE, MOST_BANDS = 2**20, 2**12
"""Highest sample rate in Hz, which also limits windows and hops in samples, and most bands of a spectrum."""


@dataclass(frozen=True, kw_only=True)
class SpectrumConfig(Strict):
    """Spectral frames; see `vqspeech.nn.encoders.spectral.SpectralFeatures`."""

    kind: Literal["logmel", "mfcc"] = "mfcc"
    hop_samples: int = 160
    window_samples: int = 400
    n_mels: int = 40
    n_mfcc: int = 13
    mean_window_samples: int = 0
    lifter: float = 0.0

    def check(self, table: str) -> None:
        """Raise `ConfigError` for impossible values; `table` is their table's name."""
        at_least(1, self, table, "hop_samples", "window_samples", "n_mels", "n_mfcc")
        at_least(0, self, table, "mean_window_samples")
        at_most(MOST_RATE, self, table, "hop_samples", "window_samples", "mean_window_samples")
        at_most(MOST_BANDS, self, table, "n_mels")
        require(self.kind != "mfcc" or self.n_mfcc <= self.n_mels, f"{table}.n_mfcc: at most {table}.n_mels")
        message = f"{table}.lifter: weights cepstral coefficients; kind is {self.kind}"
        require(self.kind == "mfcc" or self.lifter == 0, message)


@dataclass(frozen=True, kw_only=True)
class PerturbConfig(Strict):
    """Random changes of an encoder's log-mel frames in training; see `vqspeech.nn.perturb.perturbed_bands`."""

    warp: float = 0.0
    tilt: float = 0.0
    noise: float | None = None

    def __post_init__(self) -> None:
        at_least(0, self, "model.encoder.perturb", "warp", "tilt")
        require(self.warp < 0.5, "model.encoder.perturb.warp: below 0.5")


@dataclass(frozen=True, kw_only=True)
class FrontEndConfig(SpectrumConfig):
    """Input of the encoder `conv`: the waveform, or standardised log-mel or MFCC frames of it."""

    kind: Literal["waveform", "logmel", "mfcc"] = "waveform"  # type: ignore[assignment]
    deltas: bool = False

    def __post_init__(self) -> None:
        if self.kind != "waveform":
            self.check("model.encoder.front_end")


@dataclass(frozen=True, kw_only=True)
class SpectralHeadConfig(SpectrumConfig):
    """Auxiliary prediction of spectral frames (not in the paper); weight 0 disables it.

    See `vqspeech.nn.spectral_head.SpectralHead`.
    """

    weight: float = 0.0
    channels: int = 128
    kernel: int = 3
    dilations: tuple[int, ...] = ()
    loss: Literal["squared", "absolute"] = "squared"
    pitch: bool = False
    loud: float = 0.0
    differences: float = 0.0

    def __post_init__(self) -> None:
        at_least(0, self, "model.spectral", "weight", "loud", "differences")
        if self.weight > 0:
            at_least(1, self, "model.spectral", "channels")
            require(self.kernel >= 1 and self.kernel % 2 == 1, "model.spectral.kernel: odd, at least 1")
            require(all(dilation >= 1 for dilation in self.dilations), "model.spectral.dilations: at least 1 each")
            self.check("model.spectral")


@dataclass(frozen=True, kw_only=True)
class PhoneHeadConfig(Strict):
    """Auxiliary naming of phones (not in the paper); weight 0 disables it. See `vqspeech.nn.phone_head.PhoneHead`."""

    weight: float = 0.0
    channels: int = 128
    kernel: int = 5
    inventory: str = "arpabet-39"

    def __post_init__(self) -> None:
        at_least(0, self, "model.phones", "weight")
        at_least(1, self, "model.phones", "channels")
        require(self.kernel >= 1 and self.kernel % 2 == 1, "model.phones.kernel: odd, at least 1")


PARTS = {"encoder": "conv", "quantizer": "vq", "decoder": "wavenet"}
"""Kinds of parts of a speech model, and the default name of each."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Strict):
    """A VQ-VAE on speech.

    `encoder`, `quantizer` and `decoder` each hold ``name`` and the options of the registered part of that name;
    `vqspeech.model.check` checks them. With `codes_from`, the name or directory of a trained model, encoder and
    quantizer are that model's, frozen; see `vqspeech.training.codes_from`.
    """

    preset: str | None = None
    codes_from: str | None = None
    sample_rate: int = 16_000
    encoder: dict[str, Any] = field(default_factory=lambda: {"name": PARTS["encoder"]})
    quantizer: dict[str, Any] = field(default_factory=lambda: {"name": PARTS["quantizer"]})
    decoder: dict[str, Any] = field(default_factory=lambda: {"name": PARTS["decoder"]})
    spectral: SpectralHeadConfig = field(default_factory=SpectralHeadConfig)
    phones: PhoneHeadConfig = field(default_factory=PhoneHeadConfig)
    jitter: float = 0.0
    decoder_gradient: float = 1.0

    def __post_init__(self) -> None:
        at_least(1, self, "model", "sample_rate")
        at_most(MOST_RATE, self, "model", "sample_rate")
        for kind in PARTS:
            require(
                isinstance(getattr(self, kind).get("name"), str), f"model.{kind}.name: the name of a registered {kind}"
            )
        require(0 <= self.jitter < 0.5, "model.jitter: at least 0 and below 0.5")
        require(0 <= self.decoder_gradient <= 1, "model.decoder_gradient: between 0 and 1")
        require(
            self.decoder_gradient > 0 or self.spectral.weight > 0 or self.phones.weight > 0,
            "model.decoder_gradient: above 0 without a spectral or a phone head, since nothing else trains the encoder",
        )
        if self.codes_from is not None:
            frozen = "with model.codes_from, whose codes are frozen"
            require(self.spectral.weight == 0, f"model.spectral.weight: 0 {frozen}")
            require(self.phones.weight == 0, f"model.phones.weight: 0 {frozen}")
            require(self.decoder_gradient == 1, f"model.decoder_gradient: 1 {frozen}")


def presets() -> tuple[str, ...]:
    """Return the names of the shipped model presets."""
    folder = resources.files("vqspeech") / "presets"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def parse_model(values: Mapping[str, Any]) -> ModelConfig:
    """Parse a model configuration: the values, over those of the preset that they name.

    A table ``encoder`` or ``decoder`` without a name selects the built-in part (`PARTS`). A table that names another
    part than the preset's replaces the preset's table. A key ``past_noise`` of the model, as in vqspeech 0.1,
    is read as an option of the decoder.

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
        base = _named(tomllib.loads(text))
        kept = {kind: table for kind, table in base.items() if not _replaces(values.get(kind), table, kind)}
        values = merge(kept, values)
    return parse(ModelConfig, _named(values), "model.")


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the names of built-in parts, and move options of vqspeech 0.1 to their tables."""
    named = dict(values)
    for kind in ("encoder", "decoder"):
        if isinstance(named.get(kind), Mapping):
            named[kind] = {"name": PARTS[kind], **named[kind]}
    if "past_noise" in named:
        named["decoder"] = {"name": PARTS["decoder"], "past_noise": named.pop("past_noise"), **named.get("decoder", {})}
    return named


def _replaces(given: Any, table: Any, kind: str) -> bool:
    """Return whether a given table names another part than a preset's table."""
    return kind in PARTS and isinstance(given, Mapping) and given.get("name", table.get("name")) != table.get("name")
