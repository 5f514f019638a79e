"""Configurations: frozen dataclasses, read from TOML, checked at the boundary, written as JSON."""

from __future__ import annotations

import copy
import dataclasses
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from vqspeech.errors import ConfigError, unknown_name

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Strict:
    """Unknown keys are errors."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class FrontEndConfig(_Strict):
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
class EncoderConfig(_Strict):
    """See `vqspeech.nn.encoders.conv.ConvEncoder`; strides are (kernel, stride) pairs."""

    front_end: FrontEndConfig = field(default_factory=FrontEndConfig)
    strides: tuple[tuple[int, int], ...] = ((4, 2),) * 6
    channels: int = 256
    dim: int = 64
    residual_dilations: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _at_least(1, self, "model.encoder", "channels", "dim")
        _require(
            len(self.strides) >= 1, "model.encoder.strides: at least one (kernel, stride); [[3, 1]] keeps the rate"
        )
        _require(all(k >= s >= 1 for k, s in self.strides), "model.encoder.strides: kernel >= stride >= 1 each")
        _require(all(d >= 1 for d in self.residual_dilations), "model.encoder.residual_dilations: at least 1 each")

    @property
    def hop_samples(self) -> int:
        """Samples per code."""
        hop = 1 if self.front_end.kind == "waveform" else self.front_end.hop_samples
        for _, stride in self.strides:
            hop *= stride
        return hop


@dataclass(frozen=True, kw_only=True)
class DecoderConfig(_Strict):
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
        _at_least(1, self, "model.decoder", *(item.name for item in dataclasses.fields(self)))
        _require(self.condition_kernel % 2 == 1, "model.decoder.condition_kernel: odd")

    @property
    def dilations(self) -> tuple[int, ...]:
        """Of each layer, in samples."""
        return tuple(2**layer for layer in range(self.layers_per_cycle)) * self.cycles


@dataclass(frozen=True, kw_only=True)
class SpectralHeadConfig(_Strict):
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
        _at_least(0, self, "model.spectral", "weight")
        if self.weight > 0:
            _at_least(1, self, "model.spectral", "channels")
            _require(self.kernel >= 1 and self.kernel % 2 == 1, "model.spectral.kernel: odd, at least 1")
            _check_spectrum(self, "model.spectral")


@dataclass(frozen=True, kw_only=True)
class ModelConfig(_Strict):
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
        _at_least(1, self, "model", "sample_rate")
        _require(isinstance(self.quantizer.get("name"), str), "model.quantizer.name: the name of a quantizer")
        hop = self.encoder.hop_samples
        _require(
            hop % self.decoder.condition_upsampling == 0, f"model.decoder.condition_upsampling: a divisor of {hop}"
        )
        _require(
            self.spectral.weight == 0 or hop % self.spectral.hop_samples == 0,
            f"model.spectral.hop_samples: a divisor of the encoder's hop, {hop}",
        )
        _require(0 <= self.jitter < 0.5, "model.jitter: at least 0 and below 0.5")
        _at_least(0, self, "model", "past_noise")
        _require(0 <= self.decoder_gradient <= 1, "model.decoder_gradient: between 0 and 1")
        _require(
            self.decoder_gradient > 0 or self.spectral.weight > 0,
            "model.decoder_gradient: above 0 without a spectral head, or nothing teaches the encoder",
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig(_Strict):
    """The training loop.

    Lengths are in samples. `window_samples` is the stretch of each crop that the decoder is trained on; the encoder, the quantizer and the
    spectral head see the whole crop. 0 means the whole crop. `batch_size` counts crops over all processes; each computes its share of them in
    `accumulate` parts, one after the other, which needs less memory and changes nothing else. `matrix_learning_rate` is of the decoder's
    hidden matrices under the optimiser ``muon``.
    """

    steps: int = 100_000
    batch_size: int = 16
    accumulate: int = 1
    crop_samples: int = 20_480
    window_samples: int = 0
    optimizer: Literal["adam", "muon"] = "adam"
    learning_rate: float = 5e-4
    matrix_learning_rate: float = 0.02
    final_learning_rate_share: float = 0.05
    warmup_steps: int = 500
    gradient_clip: float = 1.0
    weight_average: float = 0.999
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    log_every: int = 50
    validate_every: int = 1_000
    validation_batches: int = 4
    checkpoint_every: int = 1_000
    keep_last: int = 2
    start_crops: int = 256
    tensorboard: bool = False

    def __post_init__(self) -> None:
        _at_least(
            1, self, "train", "steps", "batch_size", "crop_samples", "start_crops", "keep_last", "devices", "nodes"
        )
        _at_least(1, self, "train", "accumulate")
        _at_least(1, self, "train", "log_every", "validate_every", "validation_batches", "checkpoint_every")
        _at_least(0, self, "train", "window_samples", "warmup_steps", "gradient_clip")
        self.require_shares(self.devices * self.nodes)
        _require(0 < self.learning_rate < float("inf"), "train.learning_rate: above 0")
        _require(0 < self.matrix_learning_rate < float("inf"), "train.matrix_learning_rate: above 0")
        _require(0 <= self.final_learning_rate_share <= 1, "train.final_learning_rate_share: between 0 and 1")
        _require(0 <= self.weight_average < 1, "train.weight_average: at least 0 and below 1")
        _require(self.window_samples <= self.crop_samples, "train.window_samples: at most train.crop_samples")

    def require_shares(self, processes: int) -> None:
        """Raise `ConfigError` unless the batch has a crop for each part of each process."""
        _require(
            self.batch_size >= processes * self.accumulate,
            f"train.batch_size = {self.batch_size}; at least one crop for each of {processes} processes x "
            f"train.accumulate = {self.accumulate}",
        )


@dataclass(frozen=True, kw_only=True)
class CorpusConfig(_Strict):
    """Which speech: a registered corpus, options of its reader, and how it is stored."""

    name: str = "vctk"
    options: dict[str, Any] = field(default_factory=dict)
    trim_db: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunConfig(_Strict):
    """A training run. `model` is checked by the modality, which knows its own models."""

    modality: str = "audio"
    seed: int = 0
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    model: dict[str, Any] = field(default_factory=dict)
    train: TrainConfig = field(default_factory=TrainConfig)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(f"unusable value in the configuration: {message}")


def _at_least(least: int, config: Any, table: str, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _require(value >= least, f"{table}.{name} = {value!r}; at least {least}")


def _check_spectrum(config: FrontEndConfig | SpectralHeadConfig, table: str) -> None:
    _at_least(1, config, table, "hop_samples", "window_samples", "n_mels", "n_mfcc")
    _at_least(0, config, table, "mean_window_samples")
    _require(config.kind != "mfcc" or config.n_mfcc <= config.n_mels, f"{table}.n_mfcc: at most {table}.n_mels")
    _require(
        config.kind == "mfcc" or config.lifter == 0, f"{table}.lifter: weighs cepstral coefficients; kind is logmel"
    )


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    ConfigError : when the file is missing or not TOML
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from error


def parse(kind: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """A checked configuration from plain values.

    Parameters
    ----------
    kind : the dataclass to make
    values : nested mappings of plain values
    where : prefix for messages, for example ``"model."``

    Raises
    ------
    ConfigError : names every unknown key and every value of a wrong type
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        lines = []
        for issue in error.errors():
            key = where + ".".join(str(part) for part in issue["loc"])
            if issue["type"] == "unexpected_keyword_argument":
                lines.append(str(unknown_name("key", key, _keys(kind, where))))
            else:
                lines.append(f"{key} = {issue['input']!r}: {issue['msg']}.")
        raise ConfigError("unusable configuration: " + " ".join(lines)) from error


def _keys(kind: Any, prefix: str) -> list[str]:
    """Dotted names of all keys of a configuration dataclass."""
    import typing

    hints = typing.get_type_hints(kind)
    keys = []
    for item in dataclasses.fields(kind):
        nested = hints[item.name]
        keys += _keys(nested, f"{prefix}{item.name}.") if dataclasses.is_dataclass(nested) else [prefix + item.name]
    return keys


def override(values: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Values with ``a.b=c`` assignments applied; c is read as TOML, and as a string where it is none.

    Assigning another ``name`` to a table (``model.quantizer.name``, ``corpus.name``) clears the rest of it first: those were the options of
    what it named before. Such assignments come first, wherever they stand.

    Raises
    ------
    ConfigError : when an assignment has no ``=``, or goes through a key that is no table
    """
    result: dict[str, Any] = copy.deepcopy(dict(values))
    for assignment in sorted(assignments, key=lambda one: not one.partition("=")[0].strip().endswith(".name")):
        key, sign, text = assignment.partition("=")
        if not sign or not key.strip():
            raise ConfigError(f"--set {assignment!r}: write key=value, for example --set train.steps=2000")
        try:
            read = tomllib.loads(f"value = {text}")
        except tomllib.TOMLDecodeError:
            read = {}
        value = read["value"] if len(read) == 1 else text
        *path, last = key.strip().split(".")
        table = result
        for part in path:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--set {assignment!r}: {part!r} is a value, not a table")
        if path and last == "name" and table.get("name", value) != value:
            table.clear()
        table[last] = value
    return result


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings merged, `changes` winning."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    """Dotted keys in which two plain configurations differ, each as ``key: old -> new``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            line
            for key in sorted({*old, *new})
            for line in differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else str(key))
        ]
    return [] if old == new else [f"{prefix}: {json.dumps(old)} -> {json.dumps(new)}"]


def plain(config: Any) -> dict[str, Any]:
    """A configuration as JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


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
