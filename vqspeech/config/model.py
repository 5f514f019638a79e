"""The configuration of a speech model, and the shipped presets."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Lt

from vqspeech.config.faults import require_all
from vqspeech.config.values import Count, Share, Size, Strict, Weight, merge, parse, require
from vqspeech.errors import unknown_name

MOST_RATE, MOST_BANDS = 2**20, 2**12
"""Highest sample rate in Hz, which also limits windows and hops in samples, and most bands of a spectrum."""

Samples = Annotated[Count, Le(MOST_RATE)]
"""A number of samples, or of samples per second."""


@dataclass(frozen=True, kw_only=True)
class SpectrumConfig(Strict):
    """Spectral frames; see `vqspeech.nn.encoders.spectral.SpectralFeatures`."""

    kind: Literal["logmel", "mfcc"] = "mfcc"
    hop_samples: Samples = 160
    window_samples: Samples = 400
    n_mels: Annotated[Count, Le(MOST_BANDS)] = 40
    n_mfcc: Count = 13
    mean_window_samples: Annotated[Size, Le(MOST_RATE)] = 0
    lifter: float = 0.0

    def check(self, table: str) -> None:
        """Raise `ConfigError` for impossible values; `table` is their table's name."""
        require_all(
            (self.kind != "mfcc" or self.n_mfcc <= self.n_mels, f"{table}.n_mfcc: at most {table}.n_mels"),
            (
                self.kind == "mfcc" or self.lifter == 0,
                f"{table}.lifter: weights cepstral coefficients; kind is {self.kind}",
            ),
        )


@dataclass(frozen=True, kw_only=True)
class PerturbConfig(Strict):
    """Random changes of an encoder's log-mel frames in training; see `vqspeech.nn.perturb.perturbed_bands`."""

    warp: Annotated[float, Ge(0), Lt(0.5)] = 0.0
    tilt: Weight = 0.0
    noise: float | None = None


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

    weight: Weight = 0.0
    channels: Count = 128
    kernel: Count = 3
    dilations: tuple[Count, ...] = ()
    loss: Literal["squared", "absolute"] = "squared"
    pitch: bool = False
    loud: Weight = 0.0
    differences: Weight = 0.0

    def __post_init__(self) -> None:
        if self.weight > 0:
            require(self.kernel % 2 == 1, f"model.spectral.kernel = {self.kernel}; odd")
            self.check("model.spectral")


@dataclass(frozen=True, kw_only=True)
class PhoneHeadConfig(Strict):
    """Auxiliary naming of phones (not in the paper); weight 0 disables it. See `vqspeech.nn.phone_head.PhoneHead`."""

    weight: Weight = 0.0
    channels: Count = 128
    kernel: Count = 5
    inventory: str = "arpabet-39"

    def __post_init__(self) -> None:
        require(self.kernel % 2 == 1, f"model.phones.kernel = {self.kernel}; odd")


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
    sample_rate: Samples = 16_000
    encoder: dict[str, Any] = field(default_factory=lambda: {"name": PARTS["encoder"]})
    quantizer: dict[str, Any] = field(default_factory=lambda: {"name": PARTS["quantizer"]})
    decoder: dict[str, Any] = field(default_factory=lambda: {"name": PARTS["decoder"]})
    spectral: SpectralHeadConfig = field(default_factory=SpectralHeadConfig)
    phones: PhoneHeadConfig = field(default_factory=PhoneHeadConfig)
    jitter: Annotated[float, Ge(0), Lt(0.5)] = 0.0
    decoder_gradient: Share = 1.0

    def __post_init__(self) -> None:
        rules = [
            (isinstance(getattr(self, kind).get("name"), str), f"model.{kind}.name: the name of a registered {kind}")
            for kind in PARTS
        ]
        trained = self.decoder_gradient > 0 or self.spectral.weight > 0 or self.phones.weight > 0
        reason = "above 0 without a spectral or a phone head, since nothing else trains the encoder"
        rules.append((trained, f"model.decoder_gradient: {reason}"))
        if self.codes_from is not None:
            frozen = "with model.codes_from, whose codes are frozen"
            rules += [
                (self.spectral.weight == 0, f"model.spectral.weight: 0 {frozen}"),
                (self.phones.weight == 0, f"model.phones.weight: 0 {frozen}"),
                (self.decoder_gradient == 1, f"model.decoder_gradient: 1 {frozen}"),
            ]
        require_all(*rules)


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
