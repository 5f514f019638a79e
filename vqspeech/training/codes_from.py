"""The codes of another trained model under a new decoder: ``model.codes_from``.

Encoder and quantizer are copied from that model and frozen, so models with different decoders share codes, tables and
priors. Checkpoints hold the copies: they load without the other model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqspeech import parts
from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import differences, merge
from vqspeech.errors import CheckpointError, ConfigError
from vqspeech.nn.frozen import fingerprint
from vqspeech.nn.vqvae import VQVAE

CODE_PARTS = ("encoder", "quantizer")
"""Parts that determine the codes."""


@dataclass(frozen=True, kw_only=True)
class CodesFrom:
    """The model that codes were taken from; written into checkpoints.

    Parameters
    ----------
    model : its checkpoint directory
    step : its optimiser steps
    data : fingerprint of its training data; None when it is not recorded
    codebook : hash of its codebooks, `vqspeech.nn.quantize.fingerprint.codebook_hash`
    fingerprint : hash of the weights of encoder and quantizer
    """

    model: str
    step: int
    data: str | None
    codebook: str
    fingerprint: str


def with_codes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in encoder, quantizer and sample rate of the model that ``codes_from`` names.

    Parameters
    ----------
    values : the table ``model`` of a configuration; without ``codes_from`` it is returned as it is

    Returns
    -------
    the table; a directory in ``codes_from`` is absolute

    Raises
    ------
    ConfigError : for given values that differ from the other model's
    CheckpointError, PluginError : when that model cannot be loaded
    """
    name = values.get("codes_from")
    if not isinstance(name, str):
        return dict(values)
    folder = Path(name).expanduser()
    name = str(folder.absolute()) if folder.is_dir() else name
    source = load_speech(name)
    tables: dict[str, Any] = {"sample_rate": source.sample_rate}
    tables |= {kind: parts.complete(kind, getattr(source.config, kind)) for kind in CODE_PARTS}
    changed = [line for key in tables if key in values for line in _changes(key, tables[key], values[key])]
    if changed:
        raise ConfigError(
            f"model.codes_from = {name!r} has other codes than the configuration: {'; '.join(changed)}. "
            f"Remove these keys: {', '.join(tables)} are those of model.codes_from"
        )
    return {**values, **tables, "codes_from": name}


def copy_codes(source: SpeechCodec, model: VQVAE) -> CodesFrom:
    """Copy encoder and quantizer of a trained model into a new one.

    Parameters
    ----------
    source : the trained model
    model : a model with the same encoder and quantizer

    Raises
    ------
    CheckpointError : when their weights do not fit
    """
    weights: dict[str, Any] = {}
    for kind in CODE_PARTS:
        state = getattr(source.model, kind).state_dict()
        weights |= {f"{kind}.{name}": tensor for name, tensor in state.items()}
        try:
            getattr(model, kind).load_state_dict(state, strict=True)
        except RuntimeError as error:
            raise CheckpointError(f"the {kind} of {source.path} does not fit the configuration: {error}") from error
    return CodesFrom(
        model=str(source.path),
        step=source.step,
        data=source.facts.get("data"),
        codebook=source.codebook,
        fingerprint=f"{fingerprint(weights):016x}",
    )


def _changes(key: str, own: Any, given: Any) -> list[str]:
    """Return the given values that differ from the other model's, each as ``key: own -> given``."""
    if not isinstance(own, Mapping) or not isinstance(given, Mapping):
        return differences(own, given, f"model.{key}")
    name = {"name": given.get("name", own["name"])}
    if name["name"] != own["name"]:
        return differences(own["name"], name["name"], f"model.{key}.name")
    return differences(own, parts.complete(key, merge(own, given)), f"model.{key}")
