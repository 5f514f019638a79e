"""Image models, priors and second stages from their checkpoints, for use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from vqspeech.checkpoints import store
from vqspeech.checkpoints.directory import WEIGHTS
from vqspeech.errors import CheckpointError, ConfigError, PluginError, UnknownNameError
from vqspeech_image.building import CodeFacts, Shape, build, build_prior, build_two_stage
from vqspeech_image.config import (
    ImageModelConfig,
    PriorConfig,
    TwoStageConfig,
    image_model,
    prior_model,
    two_stage_model,
)
from vqspeech_image.nn.pixelcnn import GatedPixelCNN
from vqspeech_image.nn.two_stage import CodeVQVAE


@dataclass(frozen=True, kw_only=True)
class LoadedImages:
    """An image model with what is needed to use it: in evaluation mode, its configuration and shape, and what its config.json tells."""

    model: Any
    config: ImageModelConfig
    shape: Shape
    class_names: tuple[str, ...]
    path: Path
    step: int
    facts: dict[str, Any]

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device


@dataclass(frozen=True, kw_only=True)
class LoadedCodes:
    """A model of codes with what it is about: `of` names the checkpoint whose codes it was trained on, by path and checksum of its weights."""

    codes: CodeFacts
    of: dict[str, str]
    path: Path
    step: int


@dataclass(frozen=True, kw_only=True)
class LoadedPrior(LoadedCodes):
    """A prior, in evaluation mode."""

    model: GatedPixelCNN
    config: PriorConfig


@dataclass(frozen=True, kw_only=True)
class LoadedTwoStage(LoadedCodes):
    """A second stage, in evaluation mode."""

    model: CodeVQVAE
    config: TwoStageConfig


def load_images(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> LoadedImages:
    """An image model for use.

    Parameters
    ----------
    run, which : as in `vqspeech.checkpoints.store.describe`
    device : where to put it

    Raises
    ------
    CheckpointError : when there is none, it is damaged, or it is no image model
    PluginError : when the plugin of its quantizer is not installed
    """
    path, facts = store.describe(Path(run), which)
    try:
        config, about = image_model(facts["model"]), facts["images"]
        height, width, channels = about["shape"]
        step, class_names = int(facts["step"]), tuple(about["class_names"])
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise CheckpointError(f"{path}/config.json is not that of an image model: {error}") from error
    try:
        model = build(config, (height, width, channels))
    except UnknownNameError as error:
        needed = facts.get("plugins", {}).get("quantizer", {})
        raise PluginError(f"{path} needs a quantizer of {needed.get('distribution')}: {error}") from error
    store.load_weights(path, model)
    return LoadedImages(
        model=model.to(device).eval(),
        config=config,
        shape=(height, width, channels),
        class_names=class_names,
        path=path,
        step=step,
        facts=facts,
    )


def load_prior(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> LoadedPrior:
    """A prior for use; see `load_images`."""
    return _load_codes(LoadedPrior, "image-prior", prior_model, build_prior, run, which, device)


def load_two_stage(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> LoadedTwoStage:
    """A second stage for use; see `load_images`."""
    return _load_codes(LoadedTwoStage, "image-two-stage", two_stage_model, build_two_stage, run, which, device)


Loaded = TypeVar("Loaded", bound=LoadedCodes)


def _load_codes(
    kind: Callable[..., Loaded],
    modality: str,
    parse: Callable[[dict[str, Any]], Any],
    build: Callable[[Any, CodeFacts], Any],
    run: Path | str,
    which: str,
    device: torch.device | str,
) -> Loaded:
    """A model of codes of a modality, from its checked configuration and `CodeFacts`."""
    path, facts = store.describe(Path(run), which)
    about = _about_codes(path, facts, modality)
    config = parse(facts["model"])
    model = build(config, about["codes"])
    store.load_weights(path, model)
    return kind(model=model.to(device).eval(), config=config, path=path, **about)


def _about_codes(path: Path, facts: dict[str, Any], modality: str) -> dict[str, Any]:
    """The fields of `LoadedCodes` from a checkpoint's config.json, which must be of a modality."""
    try:
        found = facts["plugins"]["modality"]["name"]
        if found != modality:
            raise CheckpointError(f"{path} is a model of the modality {found!r}, not {modality!r}")
        about = facts["codes"]
        return {"codes": CodeFacts.parse(about), "of": dict(about["of"]), "step": int(facts["step"])}
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}/config.json is not that of a model of codes: {error}") from error


def weights_checksum(path: Path) -> str:
    """sha256 of a checkpoint's weights: what says which model codes are of."""
    import hashlib

    with (path / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_same_codes(images: LoadedImages, prior: LoadedCodes) -> None:
    """Raise `CheckpointError` unless the prior was trained on the codes of just this model: those of another mean something else."""
    if prior.of.get("weights") != weights_checksum(images.path):
        raise CheckpointError(
            f"the prior {prior.path} was trained on the codes of {prior.of.get('checkpoint')}, not on those of {images.path} as it is now; "
            "train it on these: vqspeech train with modality = 'image-prior' and --data-dir the run"
        )
