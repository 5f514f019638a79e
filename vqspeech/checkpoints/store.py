"""Checkpoints of models of any modality: write, find and describe them, and load their weights."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import vqspeech
from vqspeech.checkpoints.directory import CONFIG, TRAIN_STATE, WEIGHTS, damage, write
from vqspeech.config import plain
from vqspeech.errors import CheckpointError, unknown_name
from vqspeech.registry import lookup
from vqspeech.runs import RunDirectory

FORMAT = 1
"""Format of checkpoint directories that this release writes; newer ones are rejected."""


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
    files: dict[str, bytes | memoryview] = {
        CONFIG: (json.dumps(description, indent=1) + "\n").encode(),
        WEIGHTS: to_bytes(on_cpu),
    }
    if state is not None:
        # torch.save into a file hides a full disk behind a RuntimeError.
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        files[TRAIN_STATE] = buffer.getbuffer()
    write(directory, files)


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


def list_checkpoints(run: Path) -> list[Path]:
    """Checkpoint directories of a run, oldest first."""
    return RunDirectory(run).list_checkpoints()


def describe(run: Path, which: str = "last") -> tuple[Path, dict[str, Any]]:
    """Find a checkpoint and read its config.json.

    Parameters
    ----------
    run : a run directory, or a checkpoint directory itself
    which : ``"last"``, ``"best"`` (lowest validation loss), or a name such as ``"step-00002000"``

    Raises
    ------
    CheckpointError : when there is none, it is torn, or of a newer format
    """
    if not run.is_dir():
        raise CheckpointError(f"there is no run directory {run}; `vqspeech train` and `vqspeech recipe run` make one")
    if (run / WEIGHTS).exists():
        path = run
    else:
        checkpoints = list_checkpoints(run)
        if not checkpoints:
            raise CheckpointError(f"{run} holds no checkpoint (looked for {run}/checkpoints/step-*); train it first")
        names = [item.name for item in checkpoints]
        if which == "last":
            path = checkpoints[-1]
        elif which == "best":
            path = _best(run) or checkpoints[-1]
        elif which in names:
            path = checkpoints[names.index(which)]
        else:
            raise unknown_name("checkpoint", which, ["last", "best", *names])
    try:
        facts = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        version = int(facts["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from error
    if version > FORMAT:
        raise CheckpointError(
            f"{path} has format {version}, written by vqspeech {facts.get('vqspeech')}; this is vqspeech "
            f"{vqspeech.__version__}, which reads formats up to {FORMAT}. Upgrade: pip install -U vqspeech"
        )
    return path, facts


def _best(run: Path) -> Path | None:
    path = RunDirectory(run).best
    if not path.exists():
        return None
    try:
        return path.parent / str(json.loads(path.read_text(encoding="utf-8"))["checkpoint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); name a checkpoint, or take the last one") from error
