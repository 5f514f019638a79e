"""Configurations: frozen dataclasses, read and checked from TOML, written as JSON."""

from vqspeech.config.model import (
    PARTS,
    FrontEndConfig,
    ModelConfig,
    PerturbConfig,
    PhoneHeadConfig,
    SpectralHeadConfig,
    SpectrumConfig,
    parse_model,
    presets,
)
from vqspeech.config.run import CorpusConfig, RunConfig, TrainConfig
from vqspeech.config.values import (
    Strict,
    at_least,
    at_most,
    differences,
    merge,
    override,
    parse,
    plain,
    read_toml,
    require,
)

__all__ = [
    "PARTS",
    "CorpusConfig",
    "FrontEndConfig",
    "ModelConfig",
    "PerturbConfig",
    "PhoneHeadConfig",
    "RunConfig",
    "SpectralHeadConfig",
    "SpectrumConfig",
    "Strict",
    "TrainConfig",
    "at_least",
    "at_most",
    "differences",
    "merge",
    "override",
    "parse",
    "parse_model",
    "plain",
    "presets",
    "read_toml",
    "require",
]
