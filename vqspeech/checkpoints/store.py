"""Checkpoints of models of any modality: write them, and load their weights."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import vqspeech
from vqspeech.checkpoints.description import FORMAT as FORMAT
from vqspeech.checkpoints.description import describe as describe
from vqspeech.checkpoints.description import list_checkpoints as list_checkpoints
from vqspeech.checkpoints.directory import CONFIG, TRAIN_STATE, WEIGHTS, damage, write
from vqspeech.config import plain
from vqspeech.errors import CheckpointError
from vqspeech.registry import lookup

PART_KINDS = ("encoder", "quantizer", "decoder")
"""Tables of a model's configuration that name a registered part."""


def save(
    directory: Path,
    weights: Mapping[str, torch.Tensor],
    *,
    config: Any,
    speakers: Sequence[str] = (),
    step: int,
    state: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    parts: Mapping[str, str] | None = None,
) -> None:
    """Write a checkpoint directory atomically, replacing an existing one of that name.

    Parameters
    ----------
    directory : directory to write
    weights : weights for `load_weights`, name -> tensor
    config : configuration of the model, a dataclass; plugins of the parts in its tables `PART_KINDS` are recorded
    state : state of training, saved separately as ``train_state.pt``
    facts : further JSON values for config.json; ``run``, the configuration of the training, names the modality
    parts : further registered parts that the model is made of, kind -> name
    """
    files = contents(weights, config=config, speakers=speakers, step=step, facts=facts, parts=parts)
    if state is not None:
        # torch.save into a file hides a full disk behind a RuntimeError.
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        files[TRAIN_STATE] = buffer.getbuffer()
    write(directory, files)


def contents(
    weights: Mapping[str, torch.Tensor],
    *,
    config: Any,
    speakers: Sequence[str] = (),
    step: int,
    facts: Mapping[str, Any] | None = None,
    parts: Mapping[str, str] | None = None,
) -> dict[str, bytes | memoryview]:
    """Return config.json and model.safetensors of a checkpoint, name -> content; arguments as in `save`."""
    from safetensors.torch import save as to_bytes

    modality = (facts or {}).get("run", {}).get("modality", "audio")
    named = {kind: getattr(config, kind)["name"] for kind in PART_KINDS if "name" in getattr(config, kind, ())}
    plugins = {kind: _origin(kind, name) for kind, name in {"modality": modality, **named, **(parts or {})}.items()}
    description = {
        "format": FORMAT,
        "vqspeech": vqspeech.__version__,
        "step": step,
        "speakers": list(speakers),
        "model": plain(config),
        "plugins": plugins,
        **(facts or {}),
    }
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    return {CONFIG: (json.dumps(description, indent=1) + "\n").encode(), WEIGHTS: to_bytes(on_cpu)}


def _origin(kind: str, name: str) -> dict[str, str]:
    """Return the plugin that registers a name, for the checkpoint."""
    provider = lookup.provider(kind, name)
    return {"name": name, "distribution": provider.distribution, "version": provider.version}


def load_weights(path: Path, model: torch.nn.Module) -> None:
    """Load the weights of a checkpoint directory into a model of any modality.

    Raises
    ------
    CheckpointError : when they are damaged or do not fit the model
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        broken = damage(path, [WEIGHTS])
        if broken is not None:
            raise OSError(broken)
        model.load_state_dict(load_file(path / WEIGHTS), strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{path / WEIGHTS} cannot be loaded, another checkpoint may: {error}") from error
