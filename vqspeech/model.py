"""A speech model from its configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from vqspeech import parts
from vqspeech.alignment.inventories import named
from vqspeech.config import PARTS, ModelConfig, parse_model, require
from vqspeech.config.faults import Faults, without
from vqspeech.errors import ConfigError
from vqspeech.nn.decoders.protocol import Latents
from vqspeech.nn.encoders.spectral import SpectralFeatures
from vqspeech.nn.phone_head import PhoneHead
from vqspeech.nn.spectral_head import SpectralHead
from vqspeech.nn.vqvae import VQVAE

if TYPE_CHECKING:
    from vqspeech.nn.decoders.protocol import Decoder
    from vqspeech.nn.encoders.protocol import Encoder
    from vqspeech.nn.quantize import Quantizer


def complete(config: ModelConfig) -> ModelConfig:
    """Check the names and types of a model's options and fill in their defaults, without building it.

    Raises
    ------
    UnknownNameError : for an unregistered part, or an option that it does not have
    ConfigError : for a value of a wrong type
    """
    return _complete(config, Faults())


def completed(values: Mapping[str, Any]) -> ModelConfig:
    """Parse the table ``model`` and complete it as `complete` does; one error has the faults of all its tables.

    Raises
    ------
    UnknownNameError, ConfigError : as `vqspeech.config.parse_model` and `complete`
    """
    faults = Faults()
    try:
        config = parse_model(values)
    except ConfigError as error:
        if not error.keys:
            raise
        faults.errors.append(error)
        with faults.caught():
            # The parts are checked in what is left.
            config = parse_model(without({"model": values}, error.keys).get("model", {}))
        if len(faults.errors) > 1:
            raise
    return _complete(config, faults)


def _complete(config: ModelConfig, faults: Faults) -> ModelConfig:
    tables: dict[str, Any] = {}
    for kind in PARTS:
        with faults.caught():
            tables[kind] = parts.complete(kind, getattr(config, kind))
    faults.reraise()
    return replace(config, **tables)


def check(config: ModelConfig) -> ModelConfig:
    """Complete a configuration, and build it once to see that its parts take their values and fit each other.

    Raises
    ------
    UnknownNameError, ConfigError : as `complete` and `build`
    """
    completed = complete(config)
    with torch.random.fork_rng(devices=[]):
        build(completed, ("any",))
    return completed


def build(config: ModelConfig, speakers: Sequence[str]) -> VQVAE:
    """Build a model with fresh weights, drawn from torch's global generator.

    Raises
    ------
    UnknownNameError, ConfigError : as `check`
    """
    encoder: Encoder = parts.build("encoder", config.encoder, config.sample_rate)
    hop, head_config = encoder.hop_samples, config.spectral
    latents = Latents(dim=encoder.dim, hop_samples=hop, sample_rate=config.sample_rate, speakers=len(speakers))
    decoder: Decoder = parts.build("decoder", config.decoder, latents)
    head = None
    if head_config.weight > 0:
        require(
            hop % head_config.hop_samples == 0, f"model.spectral.hop_samples: a divisor of the encoder's hop, {hop}"
        )
        head = SpectralHead(
            SpectralFeatures.of(head_config, config.sample_rate),
            dim=encoder.dim,
            hop_samples=hop,
            channels=head_config.channels,
            kernel=head_config.kernel,
            dilations=head_config.dilations,
            loss=head_config.loss,
            pitch=head_config.pitch,
            loud=head_config.loud,
            differences=head_config.differences,
            speakers=len(speakers),
        )
    return VQVAE(
        encoder,
        parts.build("quantizer", config.quantizer, encoder.dim),
        decoder,
        jitter=config.jitter,
        decoder_gradient=config.decoder_gradient,
        spectral_head=head,
        spectral_weight=head_config.weight,
        phone_head=_phone_head(config, encoder.dim),
        phone_weight=config.phones.weight,
        frozen_codes=config.codes_from is not None,
    )


def _phone_head(config: ModelConfig, dim: int) -> PhoneHead | None:
    phones = config.phones
    if phones.weight == 0:
        return None
    classes = len(named(phones.inventory).classes)
    return PhoneHead(dim=dim, channels=phones.channels, kernel=phones.kernel, classes=classes)


def build_quantizer(values: Mapping[str, Any], dim: int) -> Quantizer:
    """Build the quantizer of ``[model.quantizer]`` for latents of `dim` channels."""
    quantizer: Quantizer = parts.build("quantizer", values, dim)
    return quantizer
