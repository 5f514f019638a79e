"""A model from its configuration, and to and from a checkpoint directory."""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import vqspeech
from vqspeech import checkpoint
from vqspeech.config import ModelConfig, parse_model, plain
from vqspeech.errors import CheckpointError, ConfigError, PluginError, UnknownNameError, unknown_name
from vqspeech.nn.encoder import ConvEncoder
from vqspeech.nn.features import SpectralFeatures
from vqspeech.nn.vqvae import VQVAE, SpectralHead
from vqspeech.nn.wavenet import WaveNet
from vqspeech.registry import lookup

if TYPE_CHECKING:
    from vqspeech.nn.quantize import Quantizer

FORMAT = 1
"""Format of checkpoint directories that this release writes; newer ones are refused."""


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


def save(
    directory: Path,
    weights: Mapping[str, torch.Tensor],
    *,
    config: Any,
    speakers: Sequence[str] = (),
    step: int,
    state: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint directory, whole or not at all (`vqspeech.checkpoint.write`); an existing one of that name is replaced.

    Parameters
    ----------
    directory : to write
    weights : what `load` or `load_weights` will load, name -> tensor
    config : of the model, a dataclass; where it has a ``quantizer``, the checkpoint says which plugin gives that
    state : what training needs to go on, saved apart as ``train_state.pt``
    facts : further JSON values for config.json; ``run``, the configuration of the training, names the modality
    """
    from safetensors.torch import save as to_bytes

    plugins = {"modality": _origin("modality", (facts or {}).get("run", {}).get("modality", "audio"))}
    if hasattr(config, "quantizer"):
        plugins["quantizer"] = _origin("quantizer", config.quantizer["name"])
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
        "config.json": (json.dumps(description, indent=1) + "\n").encode(),
        "model.safetensors": to_bytes(on_cpu),
    }
    if state is not None:
        buffer = io.BytesIO()  # torch.save into a file hides a full disk behind a RuntimeError
        torch.save(dict(state), buffer)
        files["train_state.pt"] = buffer.getbuffer()
    checkpoint.write(directory, files)


def _origin(kind: str, name: str) -> dict[str, str]:
    """Who gives a name, for a checkpoint."""
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
        broken = checkpoint.damage(path, ["model.safetensors"])
        if broken is not None:
            raise OSError(broken)
        model.load_state_dict(load_file(path / "model.safetensors"), strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{path}/model.safetensors cannot be loaded, another checkpoint may: {error}") from error


def checkpoints(run: Path) -> list[Path]:
    """Checkpoint directories of a run, oldest first."""
    return sorted((run / "checkpoints").glob("step-*"))


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
    if (run / "model.safetensors").exists():
        path = run
    else:
        found = checkpoints(run)
        if not found:
            raise CheckpointError(f"{run} holds no checkpoint (looked for {run}/checkpoints/step-*); train it first")
        names = [item.name for item in found]
        if which == "last":
            path = found[-1]
        elif which == "best":
            path = _best(run) or found[-1]
        elif which in names:
            path = found[names.index(which)]
        else:
            raise unknown_name("checkpoint", which, ["last", "best", *names])
    try:
        facts = json.loads((path / "config.json").read_text(encoding="utf-8"))
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
    path = run / "checkpoints" / "best.json"
    if not path.exists():
        return None
    try:
        return path.parent / str(json.loads(path.read_text(encoding="utf-8"))["checkpoint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); name a checkpoint, or take the last one") from error


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
