"""The part of a model that is published: chosen voices, and nothing that only training needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from vqspeech import model as models
from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import PARTS, ModelConfig
from vqspeech.errors import InputError, unknown_name
from vqspeech.nn.quantize.residual import ResidualQuantizer
from vqspeech.nn.speakers import selected, speaker_tensors

TRAINING_ONLY: dict[str, dict[str, Any]] = {"harmonic": {"adversary_weight": 0.0}}
"""Built-in decoder -> options without which it has no networks that only training needs."""


def chosen_speakers(codec: SpeechCodec, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the voices to publish, in the order of the model; all when `wanted` is None.

    Raises
    ------
    InputError : for an empty choice, or a model without voices
    UnknownNameError : for a voice that the model does not have
    """
    if wanted is None:
        return codec.speakers
    if not codec.speakers:
        raise InputError(f"{codec.path} has no speakers to choose from; omit the choice of speakers")
    if not wanted:
        raise InputError("no speaker is chosen; name at least one, or omit the choice to publish all")
    for speaker in wanted:
        if speaker not in codec.speakers:
            raise unknown_name("speaker", speaker, codec.speakers, "`vqspeech speakers RUN` lists all.")
    return tuple(speaker for speaker in codec.speakers if speaker in wanted)


def published_config(codec: SpeechCodec, codebooks: int | None = None) -> ModelConfig:
    """Return the configuration without what only training needs: auxiliary heads, the source of frozen codes.

    Parameters
    ----------
    codec : the trained model
    codebooks : number of first codebooks of a residual quantizer to keep; all when None

    Raises
    ------
    InputError : for a number of codebooks that the quantizer does not have
    """
    config = codec.config
    without: dict[str, Any] = {"preset": None, "codes_from": None, "decoder_gradient": 1.0}
    off = {key: value for key, value in TRAINING_ONLY.get(config.decoder["name"], {}).items() if key in config.decoder}
    without["decoder"] = config.decoder | off
    if codebooks is not None:
        without["quantizer"] = _first_codebooks(codec, codebooks)
    for field in fields(config):
        table = getattr(config, field.name)
        if field.name not in PARTS and hasattr(table, "weight"):
            without[field.name] = replace(table, weight=0.0)
    return replace(config, **without)


def _first_codebooks(codec: SpeechCodec, codebooks: int) -> dict[str, Any]:
    """Return the options of a residual quantizer with its first codebooks only."""
    quantizer = codec.model.quantizer
    if not isinstance(quantizer, ResidualQuantizer) or "codebooks" not in codec.config.quantizer:
        raise InputError(
            f"the quantizer {codec.config.quantizer['name']!r} of {codec.path} is not residual, so it needs all of its "
            "codebooks"
        )
    most = len(quantizer.codebook_sizes)
    if not 1 <= codebooks <= most:
        raise InputError(f"{codebooks} codebooks cannot be kept; {codec.path} has {most}")
    options = {**codec.config.quantizer, "codebooks": codebooks}
    # It drops codebooks in training, of which one cannot be dropped.
    return {**options, "dropout": 0.0} if "dropout" in options else options


def published_weights(codec: SpeechCodec, speakers: Sequence[str], config: ModelConfig) -> dict[str, Tensor]:
    """Return the weights of the published model: those of the chosen voices, without auxiliary heads.

    Parameters
    ----------
    codec : the trained model
    speakers : voices to keep, from `chosen_speakers`
    config : from `published_config`

    Raises
    ------
    InputError : for a choice of voices and a decoder without `speaker_embedding`
    """
    state = {name: tensor.detach().cpu() for name, tensor in codec.model.state_dict().items()}
    if tuple(speakers) != codec.speakers:
        rows = [codec.speaker_index(speaker) for speaker in speakers]
        state = selected(state, speaker_tensors(codec.model), rows)
    with torch.random.fork_rng(devices=[]):
        names = models.build(config, speakers).state_dict().keys()
    return {name: state[name] for name in names}


def published_codec(
    codec: SpeechCodec, speakers: Sequence[str], config: ModelConfig, weights: dict[str, Tensor]
) -> SpeechCodec:
    """Build the published model, as loading its directory does; its weights may be of 16 bit."""
    with torch.random.fork_rng(devices=[]):
        model = models.build(config, speakers)
    model.load_state_dict(weights, strict=True)
    model.encoder.load_pretrained()
    return replace(codec, model=model.eval(), config=config, speakers=tuple(speakers))
