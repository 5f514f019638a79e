"""An image model from its configuration, and from a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from vqspeech import model as models
from vqspeech.errors import CheckpointError, ConfigError, PluginError, UnknownNameError
from vqspeech_image.config import (
    ImageModelConfig,
    PriorConfig,
    TwoStageConfig,
    image_model,
    prior_model,
    two_stage_model,
)
from vqspeech_image.nn.autoencoder import ConvDecoder, ConvEncoder
from vqspeech_image.nn.likelihoods import make_likelihood
from vqspeech_image.nn.pixelcnn import GatedPixelCNN
from vqspeech_image.nn.two_stage import CodeVQVAE
from vqspeech_image.nn.vae import GaussianVAE
from vqspeech_image.nn.vimco import CategoricalVIMCO
from vqspeech_image.nn.vqvae import VQVAE

Shape = tuple[int, int, int]
ImageModel = VQVAE | GaussianVAE | CategoricalVIMCO


class CodeFacts(NamedTuple):
    """What a prior is about.

    Parameters
    ----------
    grid : (rows, columns) of the codes
    codebook_sizes : of each position's codebooks
    classes : how many there are; 0 for none
    """

    grid: tuple[int, int]
    codebook_sizes: tuple[int, ...]
    classes: int


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


def check_shape(config: ImageModelConfig, shape: Shape) -> None:
    """Raise `ConfigError` unless images (height, width, channels) can be halved as often as the model does."""
    height, width, _ = shape
    if height % config.stride or width % config.stride:
        raise ConfigError(
            f"images of {width} x {height} do not fit model.downsamplings = {config.downsamplings}: both sides must be multiples of "
            f"{config.stride}. Choose another size (corpus.options.size of image-folder) or fewer downsamplings"
        )


def build(config: ImageModelConfig, shape: Shape) -> ImageModel:
    """A fresh model, its weights drawn from torch's global generator.

    Raises
    ------
    ConfigError : for images whose sides the strides do not divide, and hyper-parameters that the quantizer does not take
    UnknownNameError : when nobody registers the quantizer
    """
    check_shape(config, shape)
    common: dict[str, Any] = {
        "width": config.width,
        "downsamplings": config.downsamplings,
        "residual_blocks": config.residual_blocks,
        "normalised": config.normalisation == "batch",
        "single": config.grid == "single",
    }
    outputs = config.dim
    if config.kind == "vae":
        outputs = 2 * config.dim
    elif config.kind == "vimco":
        outputs = config.vimco.variables * config.vimco.categories
    encoder = ConvEncoder(shape, outputs=outputs, **common)
    quantizer = models.build_quantizer(config.quantizer, config.dim) if config.kind == "vqvae" else None
    decoder = ConvDecoder(shape, inputs=config.dim, **common)
    likelihood = make_likelihood(config.likelihood, config.width, shape[2], config.mixtures)
    if quantizer is not None:
        return VQVAE(encoder, quantizer, decoder, likelihood, pixel_share=config.pixel_share)
    if config.kind == "vae":
        return GaussianVAE(encoder, decoder, likelihood, pixel_share=config.pixel_share)
    return CategoricalVIMCO(
        encoder,
        decoder,
        likelihood,
        dim=config.dim,
        samples=config.vimco.samples,
        variables=config.vimco.variables,
        categories=config.vimco.categories,
        pixel_share=config.pixel_share,
    )


def build_prior(config: PriorConfig, codes: CodeFacts) -> GatedPixelCNN:
    """A fresh prior over codes, its weights drawn from torch's global generator.

    Raises
    ------
    ConfigError : for a prior by class of images without classes
    """
    if config.by_class and not codes.classes:
        raise ConfigError("model.by_class = true needs classes, and these images have none")
    return GatedPixelCNN(
        codes.codebook_sizes,
        layers=config.layers,
        width=config.width,
        first_kernel=config.first_kernel,
        kernel=config.kernel,
        head_width=config.head_width,
        classes=codes.classes if config.by_class else 0,
    )


def build_two_stage(config: TwoStageConfig, codes: CodeFacts) -> CodeVQVAE:
    """A fresh VQ-VAE over codes, its weights drawn from torch's global generator.

    Raises
    ------
    ConfigError : for a grid that cannot be halved as often, and hyper-parameters that the quantizer does not take
    UnknownNameError : when nobody registers the quantizer
    """
    if min(codes.grid) < 2**config.downsamplings:
        raise ConfigError(
            f"model.downsamplings = {config.downsamplings} leaves nothing of a grid of {codes.grid[0]} x {codes.grid[1]} codes"
        )
    quantizer = models.build_quantizer(config.quantizer, config.dim)
    decoder = GatedPixelCNN(
        codes.codebook_sizes,
        layers=config.layers,
        width=config.width,
        first_kernel=config.first_kernel,
        kernel=config.kernel,
        head_width=config.head_width,
        latents=config.dim,
    )
    return CodeVQVAE(
        decoder, quantizer, grid=codes.grid, width=config.encoder_width, downsamplings=config.downsamplings
    )


def load_images(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> LoadedImages:
    """An image model for use.

    Parameters
    ----------
    run, which : as in `vqspeech.model.describe`
    device : where to put it

    Raises
    ------
    CheckpointError : when there is none, it is damaged, or it is no image model
    PluginError : when the plugin of its quantizer is not installed
    """
    path, facts = models.describe(Path(run), which)
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
    models.load_weights(path, model)
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
    path, facts = models.describe(Path(run), which)
    about = _about_codes(path, facts, "image-prior")
    config = prior_model(facts["model"])
    model = build_prior(config, about["codes"])
    models.load_weights(path, model)
    return LoadedPrior(model=model.to(device).eval(), config=config, path=path, **about)


def load_two_stage(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> LoadedTwoStage:
    """A second stage for use; see `load_images`."""
    path, facts = models.describe(Path(run), which)
    about = _about_codes(path, facts, "image-two-stage")
    config = two_stage_model(facts["model"])
    model = build_two_stage(config, about["codes"])
    models.load_weights(path, model)
    return LoadedTwoStage(model=model.to(device).eval(), config=config, path=path, **about)


def _about_codes(path: Path, facts: dict[str, Any], modality: str) -> dict[str, Any]:
    """The fields of `LoadedCodes` from a checkpoint's config.json, which must be of a modality."""
    try:
        found = facts["plugins"]["modality"]["name"]
        if found != modality:
            raise CheckpointError(f"{path} is a model of the modality {found!r}, not {modality!r}")
        about = facts["codes"]
        rows, columns = about["grid"]
        codes = CodeFacts((rows, columns), tuple(about["codebook_sizes"]), int(about["classes"]))
        return {"codes": codes, "of": dict(about["of"]), "step": int(facts["step"])}
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}/config.json is not that of a model of codes: {error}") from error


def weights_checksum(path: Path) -> str:
    """sha256 of a checkpoint's weights: what says which model codes are of."""
    import hashlib

    with (path / "model.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_same_codes(images: LoadedImages, prior: LoadedCodes) -> None:
    """Raise `CheckpointError` unless the prior was trained on the codes of just this model: those of another mean something else."""
    if prior.of.get("weights") != weights_checksum(images.path):
        raise CheckpointError(
            f"the prior {prior.path} was trained on the codes of {prior.of.get('checkpoint')}, not on those of {images.path} as it is now; "
            "train it on these: vqspeech train with modality = 'image-prior' and --data-dir the run"
        )
