"""Fresh models from their configurations: of images, and of codes."""

from __future__ import annotations

from typing import Any, NamedTuple

from vqspeech import model as models
from vqspeech.errors import ConfigError
from vqspeech_image.config import ImageModelConfig, PriorConfig, TwoStageConfig
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
