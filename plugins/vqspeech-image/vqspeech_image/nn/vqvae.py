"""VQ-VAEs of images: loss, codes, reconstructions, and bits per dimension."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vqspeech.nn.batch import LossTerms, weighted_terms
from vqspeech.nn.quantize import Quantizer
from vqspeech_image.nn.autoencoder import ConvDecoder, ConvEncoder, drawn_positions
from vqspeech_image.nn.batch import Bound, ImageBatch
from vqspeech_image.nn.levels import Level, TwoLevels, codes_of
from vqspeech_image.nn.likelihoods import Likelihood
from vqspeech_image.nn.tfp import TFPDecoder, TFPEncoder


class Latents(NamedTuple):
    """Quantized images.

    Parameters
    ----------
    decoder_input : (batch, channels, rows, columns), input of the decoder
    losses, stats : losses and stats of the quantizers; see `vqspeech.nn.quantize.Quantized`
    codes : (batch, codebooks of all levels, positions) int64, for counts of used codes
    """

    decoder_input: Tensor
    losses: dict[str, Tensor]
    stats: dict[str, Tensor]
    codes: Tensor


class DiscreteVAE(nn.Module, ABC):
    """Shared by VQ-VAEs of one and two levels (van den Oord et al. 2017, eq. 3).

    loss = -log p(x | z_q) per dimension + the quantizers' losses, which are means over the latents' dimensions.

    Parameters
    ----------
    decoder, likelihood : matching parts
    pixel_share : see `drawn_positions`
    """

    criterion = "nll"

    def __init__(self, decoder: ConvDecoder | TFPDecoder, likelihood: Likelihood, pixel_share: float) -> None:
        super().__init__()
        self.decoder = decoder
        self.likelihood = likelihood
        self.pixel_share = pixel_share

    @property
    @abstractmethod
    def levels(self) -> tuple[Level, ...]:
        """Grids of codes, coarsest first."""

    @abstractmethod
    def latents(self, pixels: Tensor) -> Latents:
        """Quantize pixels (batch, height, width, channels) uint8, with gradients."""

    @abstractmethod
    def encode(self, pixels: Tensor) -> Tensor | TwoLevels:
        """Encode pixels uint8 to levels of codes (batch, codebooks, rows, columns) int64."""

    @abstractmethod
    def decoder_input(self, *codes: Tensor) -> Tensor:
        """Return the decoder's input for the codes of each level."""

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes of each codebook of all levels."""
        return tuple(size for level in self.levels for size in level.codebook_sizes)

    @property
    def latent_nats(self) -> float:
        """Nats of an image's codes under a uniform prior."""
        return sum(level.nats for level in self.levels)

    def loss(self, batch: ImageBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Compute the loss of a batch in nats per dimension.

        ``nll`` is the reconstruction, ``bound_nll`` adds the codes under a uniform prior.

        Parameters
        ----------
        batch : images
        generator : draws the positions of the loss; None, or evaluation mode, takes all positions
        """
        latents = self.latents(batch.pixels)
        positions = drawn_positions(
            batch.pixels[0, ..., 0].numel(), self.pixel_share, generator if self.training else None, batch.pixels.device
        )
        nll = self._nll_per_dimension(latents.decoder_input, batch.pixels, positions).mean()
        dimensions = batch.pixels[0].numel()
        total = torch.stack([nll, *latents.losses.values()]).sum()
        terms = {"nll": nll, "bound_nll": nll.detach() + self.latent_nats / dimensions}
        return weighted_terms(batch.weight, total, {**terms, **latents.losses, **latents.stats}, latents.codes)

    @torch.no_grad()
    def shuffled(self, batch: ImageBatch) -> Tensor:
        """Compute mean nats per dimension of each image given the codes of the next one."""
        return self.nll_of(batch.pixels, *(codes.roll(1, 0) for codes in codes_of(self, batch.pixels))).mean()

    @torch.no_grad()
    def bound(self, batch: ImageBatch) -> Bound:
        """Compute reconstruction and code costs, which bound -log p(x) (section 3.2)."""
        reconstruction = self.nll_of(batch.pixels, *codes_of(self, batch.pixels)) * batch.pixels[0].numel()
        latent = torch.full_like(reconstruction, self.latent_nats)
        return Bound(reconstruction + latent, reconstruction, latent)

    @torch.no_grad()
    def nll_of(self, pixels: Tensor, *codes: Tensor) -> Tensor:
        """Return (batch,) mean nats per dimension of pixels given codes of each level."""
        return self._nll_per_dimension(self.decoder_input(*codes), pixels, None)

    @torch.no_grad()
    def decode(self, *codes: Tensor) -> Tensor:
        """Return expected pixels (batch, height, width, channels) uint8 of the codes of each level."""
        return to_pixels(self.likelihood, self.decoder(self.decoder_input(*codes)))

    def reconstruct(self, pixels: Tensor) -> Tensor:
        """Encode and decode pixels."""
        return self.decode(*codes_of(self, pixels))

    def _nll_per_dimension(self, decoder_input: Tensor, pixels: Tensor, positions: Tensor | None) -> Tensor:
        """Return (batch,) mean nats over the channels of some positions, or of all."""
        return pixel_nll(self.likelihood, self.decoder(decoder_input), pixels, positions)


class VQVAE(DiscreteVAE):
    """Encoder, quantizer, decoder and a likelihood of pixels.

    Parameters
    ----------
    encoder, quantizer, decoder, likelihood : matching parts
    pixel_share : see `drawn_positions`
    """

    def __init__(
        self,
        encoder: ConvEncoder | TFPEncoder,
        quantizer: Quantizer,
        decoder: ConvDecoder | TFPDecoder,
        likelihood: Likelihood,
        *,
        pixel_share: float = 1.0,
    ) -> None:
        super().__init__(decoder, likelihood, pixel_share)
        self.encoder = encoder
        self.quantizer = quantizer

    @property
    def levels(self) -> tuple[Level, ...]:
        """The only grid."""
        return (Level("", self.encoder.grid, self.quantizer.codebook_sizes),)

    @torch.no_grad()
    def start(self, batch: ImageBatch, generator: torch.Generator) -> None:
        """Initialise from data: BatchNorm sees the batch, codebooks are placed on its latents."""
        self.quantizer.start(frames_of(self.encoder(batch.pixels)), generator)

    def update(self, generator: torch.Generator) -> None:
        """Run the quantizer's update, after an optimiser step."""
        self.quantizer.update(generator)

    def latents(self, pixels: Tensor) -> Latents:
        """See `DiscreteVAE.latents`."""
        quantized = self.quantizer(self.encoder(pixels).flatten(2))
        return Latents(
            quantized.z_q.unflatten(2, self.encoder.grid), quantized.losses, quantized.stats, quantized.codes
        )

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """Return codes (batch, codebooks, rows, columns) int64 of pixels uint8."""
        return self.quantizer.encode(self.encoder(pixels).flatten(2)).unflatten(2, self.encoder.grid)

    def decoder_input(self, *codes: Tensor) -> Tensor:
        """See `DiscreteVAE.decoder_input`."""
        return self.quantizer.decode(codes[0].flatten(2)).unflatten(2, self.encoder.grid)


def frames_of(latents: Tensor) -> Tensor:
    """Reshape latents (batch, dim, rows, columns) to frames (frames, dim) float32."""
    return latents.flatten(2).transpose(1, 2).flatten(0, 1).float()


def pixel_nll(likelihood: Likelihood, features: Tensor, pixels: Tensor, positions: Tensor | None) -> Tensor:
    """Compute mean nats per dimension (batch,) of pixels given features.

    Parameters
    ----------
    positions : indices into the flattened height and width; None for all
    """
    flat, targets = features.flatten(1, 2), pixels.flatten(1, 2)
    if positions is not None:
        flat, targets = flat[:, positions], targets[:, positions]
    return likelihood.nll(flat, targets).mean(1) / pixels.shape[-1]


def to_pixels(likelihood: Likelihood, features: Tensor) -> Tensor:
    """Compute the uint8 pixels nearest to the expected ones, one image at a time."""
    return torch.cat([likelihood.mean(row).round().to(torch.uint8) for row in features.split(1)])
