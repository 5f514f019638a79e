"""A model from its configuration, and to and from a checkpoint directory."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vqspeech.checkpoints.store import describe, load_weights
from vqspeech.config import ModelConfig, parse_model
from vqspeech.errors import CheckpointError, ConfigError, PluginError, UnknownNameError, unknown_name
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.nn.encoders.conv import ConvEncoder
from vqspeech.nn.encoders.spectral import SpectralFeatures
from vqspeech.nn.vqvae import VQVAE, SpectralHead
from vqspeech.registry import lookup

if TYPE_CHECKING:
    from vqspeech.nn.quantize import Quantizer


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model with what is needed to use it.

    Parameters
    ----------
    model : in evaluation mode
    config : its configuration
    speakers : speaker ids in the order of the decoder's embedding
    step : optimiser steps taken
    path : the checkpoint directory
    facts : everything else its config.json tells: run configuration, corpus, versions
    """

    model: VQVAE
    config: ModelConfig
    speakers: tuple[str, ...]
    step: int
    path: Path
    facts: dict[str, Any]

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def speaker_index(self, speaker: str) -> int:
        """Index of a speaker id.

        Raises
        ------
        UnknownNameError : lists near names
        """
        if speaker not in self.speakers:
            raise unknown_name("speaker", speaker, self.speakers, "`vqspeech speakers RUN` lists all.")
        return self.speakers.index(speaker)


def build(config: ModelConfig, speakers: Sequence[str]) -> VQVAE:
    """A fresh model, its weights drawn from torch's global generator.

    Raises
    ------
    UnknownNameError : when nobody registers the quantizer
    ConfigError : when the quantizer does not take the given hyper-parameters
    """
    encoder_config, decoder_config, head_config = config.encoder, config.decoder, config.spectral
    front = encoder_config.front_end
    front_end = None
    if front.kind != "waveform":
        front_end = SpectralFeatures(
            front.kind,
            sample_rate=config.sample_rate,
            hop_samples=front.hop_samples,
            window_samples=front.window_samples,
            n_mels=front.n_mels,
            n_mfcc=front.n_mfcc,
            deltas=front.deltas,
            mean_window_samples=front.mean_window_samples,
            lifter=front.lifter,
        )
    encoder = ConvEncoder(
        strides=encoder_config.strides,
        channels=encoder_config.channels,
        dim=encoder_config.dim,
        residual_dilations=encoder_config.residual_dilations,
        front_end=front_end,
    )
    decoder = WaveNet(
        dim=encoder_config.dim,
        hop_samples=encoder.hop_samples,
        dilations=decoder_config.dilations,
        kernel_size=decoder_config.kernel_size,
        residual_channels=decoder_config.residual_channels,
        skip_channels=decoder_config.skip_channels,
        condition_channels=decoder_config.condition_channels,
        condition_kernel=decoder_config.condition_kernel,
        condition_upsampling=decoder_config.condition_upsampling,
        speakers=len(speakers),
    )
    head = None
    if head_config.weight > 0:
        head = SpectralHead(
            SpectralFeatures(
                head_config.kind,
                sample_rate=config.sample_rate,
                hop_samples=head_config.hop_samples,
                window_samples=head_config.window_samples,
                n_mels=head_config.n_mels,
                n_mfcc=head_config.n_mfcc,
                mean_window_samples=head_config.mean_window_samples,
                lifter=head_config.lifter,
            ),
            dim=encoder_config.dim,
            hop_samples=encoder.hop_samples,
            channels=head_config.channels,
            kernel=head_config.kernel,
            speakers=len(speakers),
        )
    return VQVAE(
        encoder,
        build_quantizer(config.quantizer, encoder_config.dim),
        decoder,
        jitter=config.jitter,
        past_noise=config.past_noise,
        decoder_gradient=config.decoder_gradient,
        spectral_head=head,
        spectral_weight=head_config.weight,
    )


def build_quantizer(values: Mapping[str, Any], dim: int) -> Quantizer:
    """The quantizer that ``name`` names, with the other values as its hyper-parameters.

    Raises
    ------
    UnknownNameError : when nobody registers it, or it has no hyper-parameter of a given name
    ConfigError : when it does not take a value
    """
    options = {key: value for key, value in values.items() if key != "name"}
    make = lookup.get("quantizer", values["name"])
    taken = inspect.signature(make).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        for key in options:
            if key not in taken or key == "dim":
                names = [f"model.quantizer.{name}" for name in taken if name != "dim"]
                raise unknown_name("key", f"model.quantizer.{key}", names)
    try:
        return make(dim, **options)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ConfigError(f"quantizer {values['name']!r} cannot be built with {options}: {error}") from error


def load(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> Checkpoint:
    """Load a model for use.

    Parameters
    ----------
    run, which : as in `describe`
    device : where to put it

    Raises
    ------
    CheckpointError : as in `describe`, and when the weights are torn or do not fit the configuration
    PluginError : when a plugin that the model needs is not installed; says which
    """
    path, facts = describe(Path(run), which)
    modality = facts.get("plugins", {}).get("modality", {}).get("name", "audio")
    if modality != "audio":
        raise CheckpointError(f"{path} is a model of the modality {modality!r}; this takes models of speech")
    try:
        values, speakers, step = {**facts["model"], "preset": None}, tuple(facts["speakers"]), int(facts["step"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}/config.json is not that of a speech model: {error}") from error
    config = parse_model(values)
    needed = facts.get("plugins", {}).get("quantizer", {})
    name = str(needed.get("name", "")).rpartition("/")[2]
    try:
        if needed.get("distribution"):  # another plugin may give the same name since
            lookup.find("quantizer", name, needed["distribution"])
        model = build(config, speakers)
    except (PluginError, UnknownNameError) as error:
        raise PluginError(
            f"{path} needs the quantizer {name!r} of {needed.get('distribution')} {needed.get('version')}: {error}"
        ) from error
    load_weights(path, model)
    return Checkpoint(
        model=model.to(device).eval(),
        config=config,
        speakers=speakers,
        step=step,
        path=path,
        facts=facts,
    )
