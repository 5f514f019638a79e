"""The continuous VAE of the paper's comparison, with the same encoder and decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vqspeech.nn.batch import LossTerms, weighted_terms
from vqspeech.nn.share import Share, uniforms
from vqspeech_image.nn.autoencoder import ConvDecoder, ConvEncoder, drawn_positions
from vqspeech_image.nn.batch import Bound, ImageBatch
from vqspeech_image.nn.levels import Level
from vqspeech_image.nn.likelihoods import Likelihood
from vqspeech_image.nn.vqvae import pixel_nll, to_pixels


class GaussianVAE(nn.Module):
    """A VAE with Gaussian posterior and prior (Kingma and Welling 2014, appendix B).

    loss = (-log p(x | z) + KL(q(z | x) || N(0, 1))) per dimension, with one sample of z.

    Parameters
    ----------
    encoder : returns means and log-variances, 2 * dim channels
    decoder, likelihood, pixel_share : as in `VQVAE`
    """

    codebook_sizes: tuple[int, ...] = ()
    levels: tuple[Level, ...] = ()

    criterion = "nll"

    def __init__(
        self, encoder: ConvEncoder, decoder: ConvDecoder, likelihood: Likelihood, *, pixel_share: float = 1.0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.pixel_share = pixel_share

    def start(self, batch: ImageBatch, generator: torch.Generator) -> None:
        """Do nothing: there is no data-dependent initialisation."""

    def update(self, generator: torch.Generator) -> None:
        """Do nothing: there is no state to update."""

    def loss(self, batch: ImageBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Compute the negative evidence lower bound in nats per dimension.

        ``nll`` is all of it, ``reconstruction_nll`` its first term.

        Parameters
        ----------
        batch : images
        generator : for the latents; None, or evaluation mode, draws the same numbers at every call
        """
        generator = generator if self.training else None
        count = batch.pixels[0, ..., 0].numel()
        positions = drawn_positions(count, self.pixel_share, generator, batch.pixels.device)
        reconstruction, kl = self._terms(batch, positions, generator)
        total = (reconstruction + kl).mean()
        codes = torch.zeros(len(batch.pixels), 0, 1, dtype=torch.int64, device=total.device)
        terms = {"nll": total, "bound_nll": total, "reconstruction_nll": reconstruction.mean(), "kl": kl.mean()}
        return weighted_terms(batch.weight, total, terms, codes)

    @torch.no_grad()
    def shuffled(self, batch: ImageBatch) -> Tensor:
        """Compute mean nats per dimension of the reconstruction from the latents of the next image."""
        mean, _ = self._posterior(batch.pixels)
        return pixel_nll(self.likelihood, self.decoder(mean.roll(1, 0)), batch.pixels, None).mean()

    @torch.no_grad()
    def bound(self, batch: ImageBatch) -> Bound:
        """Compute -log p(x | z) for one sample of z, and the divergence; in nats per image."""
        dimensions = batch.pixels[0].numel()
        reconstruction, kl = self._terms(batch, None, None)
        return Bound((reconstruction + kl) * dimensions, reconstruction * dimensions, kl * dimensions)

    @torch.no_grad()
    def reconstruct(self, pixels: Tensor) -> Tensor:
        """Return expected pixels (batch, height, width, channels) uint8 at the posterior's mean."""
        return to_pixels(self.likelihood, self.decoder(self._posterior(pixels)[0]))

    def _posterior(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(pixels).float().chunk(2, 1)
        return mean, log_variance.clamp(-12, 6)

    def _terms(
        self, batch: ImageBatch, positions: Tensor | None, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Return reconstruction and divergence, each (batch,) in nats per dimension."""
        mean, log_variance = self._posterior(batch.pixels)
        noise = standard_normals(tuple(mean.shape), batch.share, generator, mean.device)
        z = mean + torch.exp(0.5 * log_variance) * noise
        reconstruction = pixel_nll(self.likelihood, self.decoder(z), batch.pixels, positions)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).sum(1)
        return reconstruction, kl / batch.pixels[0].numel()


def standard_normals(
    shape: tuple[int, ...], share: Share | None, generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """Turn `uniforms` into normal numbers by the inverse distribution function."""
    drawn = uniforms(shape, share, generator, device)
    return torch.special.ndtri(drawn.clamp(1e-12, 1 - 1e-12)).float()
