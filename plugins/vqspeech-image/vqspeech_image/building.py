"""Build models of images from their configuration."""

from __future__ import annotations

from typing import Any

from vqspeech import parts
from vqspeech.errors import ConfigError
from vqspeech.nn.quantize import Quantizer
from vqspeech_image.config import ImageModelConfig
from vqspeech_image.nn.autoencoder import ConvDecoder, ConvEncoder
from vqspeech_image.nn.likelihoods import BernoulliLogits, make_likelihood
from vqspeech_image.nn.tfp import TFPDecoder, TFPEncoder
from vqspeech_image.nn.vae import GaussianVAE
from vqspeech_image.nn.vimco import CategoricalVIMCO
from vqspeech_image.nn.vqvae import VQVAE
from vqspeech_image.nn.vqvae2 import VQVAE2

Shape = tuple[int, int, int]
ImageModel = VQVAE | VQVAE2 | GaussianVAE | CategoricalVIMCO


def check_shape(config: ImageModelConfig, shape: Shape) -> None:
    """Raise `ConfigError` for images (height, width, channels) that the model cannot halve."""
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
    """Build a model, its weights drawn from torch's global generator.

    Raises
    ------
    ConfigError : sides that the strides do not divide, or hyper-parameters that the quantizer refuses
    UnknownNameError : an unknown quantizer
    """
    check_shape(config, shape)
    quantizers = [parts.build("quantizer", one, config.dim) for one in config.quantizers]
    if config.network == "tfp":
        encoder, decoder = TFPEncoder(shape, config.dim), TFPDecoder(shape, config.dim)
        return VQVAE(encoder, quantizers[0], decoder, BernoulliLogits(shape[2]), pixel_share=config.pixel_share)
    return _build_residual(config, shape, quantizers)


def _build_residual(config: ImageModelConfig, shape: Shape, quantizers: list[Quantizer]) -> ImageModel:
    """Build a model on the paper's encoder and decoder."""
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
