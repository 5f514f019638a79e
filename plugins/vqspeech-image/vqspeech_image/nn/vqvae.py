"""The VQ-VAE on images: its loss, its codes and back, and the bound on the likelihood that its bits per dimension are."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vqspeech.nn.quantize import Quantizer
from vqspeech_image.nn.autoencoder import ConvDecoder, ConvEncoder, drawn_positions
from vqspeech_image.nn.batch import Bound, ImageBatch, Terms, shared_terms
from vqspeech_image.nn.likelihoods import Likelihood


class VQVAE(nn.Module):
    """Encoder, quantizer, decoder and a likelihood of pixels (van den Oord et al. 2017, eq. 3).

    loss = -log p(x | z_q) per dimension + the quantizer's losses, which are means over the latents' dimensions.

    Parameters
    ----------
    encoder, quantizer, decoder, likelihood : parts that fit each other
    pixel_share : see `drawn_positions`
    """

    def __init__(
        self,
        encoder: ConvEncoder,
        quantizer: Quantizer,
        decoder: ConvDecoder,
        likelihood: Likelihood,
        *,
        pixel_share: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.quantizer = quantizer
        self.decoder = decoder
        self.likelihood = likelihood
        self.pixel_share = pixel_share

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes of each codebook."""
        return self.quantizer.codebook_sizes

    @property
    def latent_nats(self) -> float:
        """What the codes of an image cost under a uniform prior: positions * sum of log K over codebooks."""
        rows, columns = self.encoder.grid
        return rows * columns * sum(math.log(size) for size in self.codebook_sizes)

    @torch.no_grad()
    def start(self, batch: ImageBatch, generator: torch.Generator) -> None:
        """Data-dependent start: BatchNorm sees the batch, the codebooks are placed on its latents."""
        latents = self.encoder(batch.pixels).flatten(2)
        self.quantizer.start(latents.transpose(1, 2).flatten(0, 1).float(), generator)

    def update(self, generator: torch.Generator) -> None:
        """What follows an optimiser step: the quantizer's own update."""
        self.quantizer.update(generator)

    def loss(self, batch: ImageBatch, generator: torch.Generator | None = None) -> Terms:
        """The loss of a batch; ``nll`` is the reconstruction, ``bound_nll`` that and the codes under a uniform prior, in nats per dimension.

        Parameters
        ----------
        batch : images
        generator : draws the positions on which the loss is taken; without it, or in evaluation mode, all are
        """
        quantized = self.quantizer(self.encoder(batch.pixels).flatten(2))
        positions = drawn_positions(
            batch.pixels[0, ..., 0].numel(), self.pixel_share, generator if self.training else None, batch.pixels.device
        )
        nll = self._nll_per_dimension(quantized.z_q, batch.pixels, positions).mean()
        dimensions = batch.pixels[0].numel()
        total = torch.stack([nll, *quantized.losses.values()]).sum()
        terms = {"nll": nll, "bound_nll": nll.detach() + self.latent_nats / dimensions}
        return shared_terms(batch, total, {**terms, **quantized.losses, **quantized.stats}, quantized.codes)

    @torch.no_grad()
    def shuffled_nll(self, batch: ImageBatch) -> Tensor:
        """Mean nats per dimension when each image is given the codes of the next one."""
        z_q = self.quantizer.decode(self.encode(batch.pixels).flatten(2))
        return self._nll_per_dimension(z_q.roll(1, 0), batch.pixels, None).mean()

    @torch.no_grad()
    def bound(self, batch: ImageBatch) -> Bound:
        """-log p(x | z_q(x)) and the cost of the codes under a uniform prior, which together bound -log p(x) (section 3.2)."""
        z_q = self.quantizer.decode(self.encode(batch.pixels).flatten(2))
        reconstruction = self._nll_per_dimension(z_q, batch.pixels, None) * batch.pixels[0].numel()
        latent = torch.full_like(reconstruction, self.latent_nats)
        return Bound(reconstruction + latent, reconstruction, latent)

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """Codes (batch, codebooks, rows, columns) int64 of pixels (batch, height, width, channels) uint8."""
        return self.quantizer.encode(self.encoder(pixels).flatten(2)).unflatten(2, self.encoder.grid)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Expected pixels (batch, height, width, channels) uint8 of codes (batch, codebooks, rows, columns)."""
        return to_pixels(self.likelihood, self.decoder(self._grid(self.quantizer.decode(codes.flatten(2)))))

    def reconstruct(self, pixels: Tensor) -> Tensor:
        """Pixels through the codes and back."""
        return self.decode(self.encode(pixels))

    def _grid(self, latents: Tensor) -> Tensor:
        return latents.unflatten(2, self.encoder.grid)

    def _nll_per_dimension(self, z_q: Tensor, pixels: Tensor, positions: Tensor | None) -> Tensor:
        """(batch,) mean nats over the channels of the given positions, or of all."""
        features = self.decoder(self._grid(z_q))
        return pixel_nll(self.likelihood, features, pixels, positions)


def pixel_nll(likelihood: Likelihood, features: Tensor, pixels: Tensor, positions: Tensor | None) -> Tensor:
    """(batch,) mean nats per dimension of pixels (batch, height, width, channels) given features (batch, height, width, width).

    Parameters
    ----------
    positions : indices into the flattened height and width; None for all
    """
    flat, wanted = features.flatten(1, 2), pixels.flatten(1, 2)
    if positions is not None:
        flat, wanted = flat[:, positions], wanted[:, positions]
    return likelihood.nll(flat, wanted).mean(1) / pixels.shape[-1]


def to_pixels(likelihood: Likelihood, features: Tensor) -> Tensor:
    """The nearest uint8 pixels to what is expected of features (batch, height, width, width); an image at a time, as softmaxes are large."""
    return torch.cat([likelihood.mean(row).round().to(torch.uint8) for row in features.split(1)])
