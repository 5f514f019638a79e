"""Trained models of any modality, loaded for use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vqspeech.checkpoints.store import describe
from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import CheckpointError, PluginError, UnknownNameError
from vqspeech.registry import contracts, lookup
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
    name = require_plugins(path, facts).get("modality", "audio")
    modality = contracts.call(lookup.find(ModalitySpec, name))
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


def require_plugins(path: Path, facts: dict[str, Any]) -> dict[str, str]:
    """Kind -> name of every plugin that a checkpoint needs, all of which are installed.

    Raises
    ------
    PluginError : names the kind, the name and the distribution of what is missing
    """
    needed = {}
    for kind, origin in facts.get("plugins", {}).items():
        name, distribution = str(origin.get("name", "")).rpartition("/")[2], origin.get("distribution", "")
        try:
            # another distribution may register the same name since
            lookup.find(kind, name, distribution)
        except (PluginError, UnknownNameError) as error:
            raise PluginError(
                f"{path} needs the {kind} {name!r} of {distribution} {origin.get('version', '')}: {error}"
            ) from error
        needed[kind] = name
    return needed
