"""Trained models of any modality, loaded for use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vqspeech.checkpoints.store import describe
from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import CheckpointError, PluginError, UnknownNameError
from vqspeech.registry import contracts, lookup
from vqspeech.registry.records import Entry
from vqspeech.registry.specs import ModalitySpec


def load(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> Any:
    """Load a trained model through its modality.

    Parameters
    ----------
    run : a run directory, or a checkpoint directory itself
    which : ``"last"``, ``"best"``, or a name such as ``"step-00002000"``
    device : where to put it

    Returns
    -------
    what the modality's ``load`` gives: a `SpeechCodec` for speech

    Raises
    ------
    CheckpointError : when there is no checkpoint, it is damaged or of a newer format, or its weights do not fit
    PluginError : when a plugin that the model needs is not installed; says which
    """
    return load_with_modality(run, which, device)[1]


def load_with_modality(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> tuple[Any, Any]:
    """The modality of a trained model, and the model; arguments and errors as in `load`."""
    path, facts = describe(Path(run), which)
    entries = require_plugins(path, facts)
    entry = entries.get("modality") or lookup.find(ModalitySpec, "audio")
    name, modality, facts = entry.spec.name, contracts.call(entry), _qualified(facts, entries)
    if not hasattr(modality, "load"):
        raise PluginError(f"{path} is a model of the modality {name!r}, which trains models and cannot load them")
    return modality, modality.load(path, facts, device)


def load_speech(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> SpeechCodec:
    """Load a model of speech; arguments and errors as in `load`.

    Raises
    ------
    CheckpointError : also for a model of another modality
    """
    loaded = load(run, which, device)
    if not isinstance(loaded, SpeechCodec):
        name = modality_of(loaded.facts)
        raise CheckpointError(f"{loaded.path} is a model of the modality {name!r}; this needs a model of speech")
    return loaded


def modality_of(facts: dict[str, Any]) -> str:
    """Name of the modality of a checkpoint's config.json."""
    return str(facts.get("plugins", {}).get("modality", {}).get("name", "audio"))


def require_plugins(path: Path, facts: dict[str, Any]) -> dict[str, Entry[Any]]:
    """Kind -> registered entry of every plugin that a checkpoint needs, all of which are installed.

    Raises
    ------
    PluginError : names the kind, the name and the distribution of what is missing
    CheckpointError : when the checkpoint does not name them as it should
    """
    try:
        plugins = {
            str(kind): (str(origin["name"]).rpartition("/")[2], origin["distribution"], origin["version"])
            for kind, origin in facts.get("plugins", {}).items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}/config.json is damaged: its plugins are not named ({error})") from error
    needed = {}
    for kind, (name, distribution, version) in plugins.items():
        try:
            needed[kind] = lookup.find(kind, name, distribution)
        except (PluginError, UnknownNameError) as error:
            raise PluginError(f"{path} needs the {kind} {name!r} of {distribution} {version}: {error}") from error
    return needed


def _qualified(facts: dict[str, Any], entries: Mapping[str, Entry[Any]]) -> dict[str, Any]:
    """Name the distribution of each part whose name others register too; theirs is not what was trained."""
    model = facts.get("model")
    if not isinstance(model, dict):
        return facts
    for kind, entry in entries.items():
        # A prior's name and options are the table of the model itself.
        table = model if kind == "prior" else model.get(kind)
        if isinstance(table, dict) and table.get("name") == entry.spec.name and not _is_only(kind, entry):
            model |= {"name": entry.qualified} if kind == "prior" else {kind: {**table, "name": entry.qualified}}
    return {**facts, "model": model}


def _is_only(kind: str, entry: Entry[Any]) -> bool:
    """Whether the plain name of an entry finds it."""
    try:
        return lookup.find(kind, entry.spec.name) is entry
    except PluginError:
        return False
