"""Fresh models from their configurations: of images, and of codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vqspeech import model as models
from vqspeech.errors import ConfigError
from vqspeech.nn.quantize import Quantizer
from vqspeech_image.config import ImageModelConfig, PriorConfig, TwoStageConfig
from vqspeech_image.nn.autoencoder import ConvDecoder, ConvEncoder
from vqspeech_image.nn.likelihoods import BernoulliLogits, make_likelihood
from vqspeech_image.nn.pixelcnn import GatedPixelCNN
from vqspeech_image.nn.tfp import TFPDecoder, TFPEncoder
from vqspeech_image.nn.two_stage import CodeVQVAE
from vqspeech_image.nn.vae import GaussianVAE
from vqspeech_image.nn.vimco import CategoricalVIMCO
from vqspeech_image.nn.vqvae import VQVAE
from vqspeech_image.nn.vqvae2 import VQVAE2

Shape = tuple[int, int, int]
ImageModel = VQVAE | VQVAE2 | GaussianVAE | CategoricalVIMCO


class CodeFacts(NamedTuple):
    """What a prior is about.

    Parameters
    ----------
    grid : (rows, columns) of the codes
    codebook_sizes : of each position's codebooks
    classes : how many there are; 0 for none
    top : of the coarser codes of the same images, where these are the finer ones of two levels
    """

    grid: tuple[int, int]
    codebook_sizes: tuple[int, ...]
    classes: int
    top: CodeFacts | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**self._asdict(), "top": self.top.plain() if self.top else None}

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> CodeFacts:
        """From what `plain` gave; raises KeyError, TypeError or ValueError."""
        rows, columns = values["grid"]
        top = values.get("top")
        sizes = tuple(int(size) for size in values["codebook_sizes"])
        return cls((int(rows), int(columns)), sizes, int(values["classes"]), cls.parse(top) if top else None)


def check_shape(config: ImageModelConfig, shape: Shape) -> None:
    """Raise `ConfigError` unless images (height, width, channels) can be halved as often as the model does."""
    height, width, _ = shape
    halvings = f"model.downsamplings = {config.downsamplings}"
    if config.kind == "vqvae2":
        halvings += f" and model.top_downsamplings = {config.top_downsamplings}"
    if height % config.stride or width % config.stride:
        raise ConfigError(
            f"images of {width} x {height} do not fit {halvings}: both sides must be multiples of "
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
    quantizers = [models.build_quantizer(one, config.dim) for one in config.quantizers]
    if config.network == "tfp":
        encoder, decoder = TFPEncoder(shape, config.dim), TFPDecoder(shape, config.dim)
        return VQVAE(encoder, quantizers[0], decoder, BernoulliLogits(shape[2]), pixel_share=config.pixel_share)
    return _build_residual(config, shape, quantizers)


def _build_residual(config: ImageModelConfig, shape: Shape, quantizers: list[Quantizer]) -> ImageModel:
    """A model on the paper's encoder and decoder."""
    common: dict[str, Any] = {
        "width": config.width,
        "downsamplings": config.downsamplings,
        "residual_blocks": config.residual_blocks,
        "normalised": config.normalisation == "batch",
        "single": config.grid == "single",
        "edge_width": config.edge_width,
    }
    outputs = {
        "vqvae": config.dim,
        "vqvae2": config.width,
        "vae": 2 * config.dim,
        "vimco": config.vimco.variables * config.vimco.categories,
    }[config.kind]
    encoder = ConvEncoder(shape, outputs=outputs, **common)
    decoder = ConvDecoder(shape, inputs=config.dim * max(1, len(quantizers)), **common)
    likelihood = make_likelihood(config.likelihood, config.edge_width or config.width, shape[2], config.mixtures)
    if config.kind == "vqvae":
        return VQVAE(encoder, quantizers[0], decoder, likelihood, pixel_share=config.pixel_share)
    if config.kind == "vqvae2":
        top, bottom = quantizers
        return VQVAE2(
            encoder,
            decoder,
            top,
            bottom,
            likelihood,
            width=config.width,
            residual_blocks=config.residual_blocks,
            normalised=config.normalisation == "batch",
            top_downsamplings=config.top_downsamplings,
            pixel_share=config.pixel_share,
        )
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
        attention_blocks=config.attention.blocks,
        attention_heads=config.attention.heads,
        attention_width=config.attention.head_width,
        top_codebook_sizes=codes.top.codebook_sizes if codes.top else (),
        top_blocks=config.top_blocks,
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
