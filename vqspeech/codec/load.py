"""Load trained models of any modality."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vqspeech.checkpoints.budget import limited
from vqspeech.checkpoints.description import describe
from vqspeech.checkpoints.directory import CONFIG, WEIGHTS
from vqspeech.checkpoints.hub import HubOptions
from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import CheckpointError, ConfigError, InputError, PluginError, UnknownNameError
from vqspeech.registry import contracts, lookup
from vqspeech.registry.records import Entry
from vqspeech.registry.specs import ModalitySpec
from vqspeech.untrusted import is_distribution, printable

UNUSABLE = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What building a model of values that fit no model may raise."""


def load(
    run: Path | str, which: str = "last", device: torch.device | str = "cpu", options: HubOptions | None = None
) -> Any:
    """Load a trained model through its modality.

    Parameters
    ----------
    run : in this order, a run directory or a checkpoint directory, the name of an installed model, or a repository
        ``OWNER/NAME[@REVISION]`` of huggingface.co (extra ``hub``)
    which : ``"last"``, ``"best"``, or a name such as ``"step-00002000"``
    device : device of the model
    options : how a repository is fetched

    Returns
    -------
    the result of the modality's ``load``: a `SpeechCodec` for speech

    Raises
    ------
    CheckpointError : for a missing or damaged checkpoint, a newer format, or weights that do not fit
    PluginError : names the plugin that the model needs and that is not installed
    InputError : for a device that is not there, or a repository that cannot be fetched
    """
    return load_with_modality(run, which, device, options)[1]


def load_with_modality(
    run: Path | str, which: str = "last", device: torch.device | str = "cpu", options: HubOptions | None = None
) -> tuple[Any, Any]:
    """Load a trained model; return its modality and the model. Arguments and errors as in `load`."""
    _require_device(device)
    path, facts = describe(run, which, options)
    entries = require_plugins(path, facts)
    entry = entries.get("modality") or lookup.find(ModalitySpec, "audio")
    name, modality, facts = entry.spec.name, contracts.call(entry), _qualified(facts, entries)
    if not hasattr(modality, "load"):
        raise PluginError(f"{path} is a model of the modality {name!r}, which cannot load models")
    try:
        with limited(path / WEIGHTS):
            return modality, modality.load(path, facts, device)
    except ConfigError as error:
        raise CheckpointError(f"{path}/{CONFIG} cannot be used: {error}") from error
    except UNUSABLE as error:
        reason = printable(error) or type(error).__name__
        raise CheckpointError(f"{path}/{CONFIG} describes no model that can be built: {reason}") from error


def load_speech(
    run: Path | str, which: str = "last", device: torch.device | str = "cpu", options: HubOptions | None = None
) -> SpeechCodec:
    """Load a model of speech; arguments and errors as in `load`.

    Raises
    ------
    CheckpointError : also for a model of another modality
    """
    loaded = load(run, which, device, options)
    if not isinstance(loaded, SpeechCodec):
        name = modality_of(loaded.facts)
        raise CheckpointError(f"{loaded.path} is a model of the modality {name!r}; this needs a model of speech")
    return loaded


def _require_device(device: torch.device | str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise InputError(f"the device {str(device)!r} cannot be used here: {reason}") from error


def modality_of(facts: dict[str, Any]) -> str:
    """Return the modality named in a checkpoint's config.json."""
    return str(facts.get("plugins", {}).get("modality", {}).get("name", "audio"))


def require_plugins(path: Path, facts: dict[str, Any]) -> dict[str, Entry[Any]]:
    """Check that the plugins of a checkpoint are installed; return kind -> registered entry.

    Raises
    ------
    PluginError : names kind, name and distribution of a missing plugin
    CheckpointError : when it names a distribution that there cannot be
    """
    needed = {}
    for kind, origin in facts["plugins"].items():
        name, distribution = origin["name"].rpartition("/")[2], origin["distribution"]
        if not is_distribution(distribution):
            raise CheckpointError(
                f"{path}/{CONFIG} is damaged: it says that the {printable(kind)} {printable(name)!r} is of the "
                f"distribution {printable(distribution)!r}, which cannot be the name of one"
            )
        try:
            needed[kind] = lookup.find(kind, name, distribution)
        except (PluginError, UnknownNameError) as error:
            raise PluginError(
                f"{path} needs the {kind} {name!r} of {distribution} {printable(origin['version'])}: {error}. The "
                "checkpoint names that distribution, not vqspeech; install it only if you trust both"
            ) from error
    return needed


def _qualified(facts: dict[str, Any], entries: Mapping[str, Entry[Any]]) -> dict[str, Any]:
    """Add the distribution to names of parts that several distributions register."""
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
    """Return whether the plain name of an entry is unambiguous."""
    try:
        return lookup.find(kind, entry.spec.name) is entry
    except PluginError:
        return False
