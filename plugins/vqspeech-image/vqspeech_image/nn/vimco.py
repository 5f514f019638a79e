"""The VIMCO baseline: categorical latents, a uniform prior and a multi-sample bound."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.batch import LossTerms, weighted_terms
from vqspeech.nn.share import Share, uniforms
from vqspeech_image.nn.autoencoder import ConvDecoder, ConvEncoder, drawn_positions
from vqspeech_image.nn.batch import Bound, ImageBatch
from vqspeech_image.nn.levels import Level
from vqspeech_image.nn.likelihoods import Likelihood
from vqspeech_image.nn.vqvae import pixel_nll, to_pixels


class CategoricalVIMCO(nn.Module):
    """Categorical latents trained on the multi-sample bound -log 1/S sum_s p(x, z_s) / q(z_s | x).

    Mnih and Rezende (2016, arXiv 1602.06725). The encoder gives logits of `variables` categorical variables at each
    position; the decoder receives the sum of their embeddings. The gradient is eq. 7 of the paper with the geometric
    mean of eq. 9 as leave-one-out baseline: see `vimco_surrogate`.

    Parameters
    ----------
    encoder : returns variables * categories channels
    decoder, likelihood, pixel_share : as in `VQVAE`
    dim : input channels of the decoder
    samples : S; the decoder runs S times for each image
    variables, categories : at each position
    """

    criterion = "nll"

    def __init__(
        self,
        encoder: ConvEncoder,
        decoder: ConvDecoder,
        likelihood: Likelihood,
        *,
        dim: int,
        samples: int,
        variables: int,
        categories: int,
        pixel_share: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.samples = samples
        self.variables = variables
        self.categories = categories
        self.pixel_share = pixel_share
        self.embeddings = nn.Parameter(torch.randn(variables, categories, dim) / math.sqrt(variables))

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of categories of each variable."""
        return (self.categories,) * self.variables

    @property
    def levels(self) -> tuple[Level, ...]:
        """The only grid."""
        return (Level("", self.encoder.grid, self.codebook_sizes),)

    def start(self, batch: ImageBatch, generator: torch.Generator) -> None:
        """Do nothing: there is no data-dependent initialisation."""

    def update(self, generator: torch.Generator) -> None:
        """Do nothing: there is no state to update."""

    def loss(self, batch: ImageBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Compute the bound of S samples; ``nll`` and ``bound_nll`` are its nats per dimension.

        Parameters
        ----------
        batch : images
        generator : for the latents; None, or evaluation mode, draws the same numbers at every call
        """
        generator = generator if self.training else None
        count = batch.pixels[0, ..., 0].numel()
        positions = drawn_positions(count, self.pixel_share, generator, batch.pixels.device)
        log_weights, log_q, codes = self._log_weights(batch, positions, generator)
        dimensions = batch.pixels[0].numel()
        total = vimco_surrogate(log_weights, log_q).mean() / dimensions
        nll = -multi_sample_bound(log_weights).mean().detach() / dimensions
        return weighted_terms(batch.weight, total, {"nll": nll, "bound_nll": nll}, codes[0])

    @torch.no_grad()
    def shuffled(self, batch: ImageBatch) -> Tensor:
        """Compute nats per dimension given the most likely latents of the next image."""
        codes = self.encode(batch.pixels).roll(1, 0)
        return pixel_nll(self.likelihood, self.decoder(self._embedded(codes)), batch.pixels, None).mean()

    @torch.no_grad()
    def bound(self, batch: ImageBatch) -> Bound:
        """Compute the bound of S samples in nats per image; it has no separate terms."""
        return Bound(-multi_sample_bound(self._log_weights(batch, None, None)[0]))

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """Return the most likely categories (batch, variables, rows, columns) int64."""
        return self._log_q(pixels).argmax(2)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Return expected pixels uint8 of codes (batch, variables, rows, columns)."""
        return to_pixels(self.likelihood, self.decoder(self._embedded(codes)))

    def reconstruct(self, pixels: Tensor) -> Tensor:
        """Return expected pixels of the most likely latents."""
        return self.decode(self.encode(pixels))

    def _log_q(self, pixels: Tensor) -> Tensor:
        """Return logits (batch, variables, categories, rows, columns)."""
        return self.encoder(pixels).float().unflatten(1, (self.variables, self.categories)).log_softmax(2)

    def _embedded(self, codes: Tensor) -> Tensor:
        """Embed codes (batch, variables, rows, columns): (batch, dim, rows, columns)."""
        parts = [F.embedding(codes[:, number], self.embeddings[number]) for number in range(self.variables)]
        return torch.stack(parts).sum(0).permute(0, 3, 1, 2)

    def _nll(self, pixels: Tensor, codes: Tensor, positions: Tensor | None) -> Tensor:
        """Return nats per dimension (samples, batch) of pixels given codes."""
        features = self.decoder(self._embedded(codes.flatten(0, 1)))
        repeated = pixels.repeat(len(codes), 1, 1, 1)
        return pixel_nll(self.likelihood, features, repeated, positions).view(len(codes), -1)

    def _log_weights(
        self, batch: ImageBatch, positions: Tensor | None, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return log p(x, z_s) / q(z_s | x), log q(z_s | x) and z.

        The first two are (samples, batch) in nats, z is (samples, batch, variables, positions).
        """
        log_q_all = self._log_q(batch.pixels)
        codes = drawn_categories(log_q_all, self.samples, batch.share, generator)
        expanded = log_q_all[None].expand(self.samples, *log_q_all.shape)
        log_q = expanded.gather(3, codes[:, :, :, None]).flatten(2).sum(2)
        # A measurement needs no more memory than one sample.
        at_once = self.samples if torch.is_grad_enabled() else 1
        nll = torch.cat([self._nll(batch.pixels, part, positions) for part in codes.split(at_once)])
        log_prior = -codes[0, 0].numel() * math.log(self.categories)
        return log_prior - nll * batch.pixels[0].numel() - log_q, log_q, codes.flatten(3)


def drawn_categories(log_q: Tensor, samples: int, share: Share | None, generator: torch.Generator | None) -> Tensor:
    """Draw categories (samples, batch, variables, rows, columns).

    Their log-probabilities are (batch, variables, categories, rows, columns).
    """
    batch, variables, categories, rows, columns = log_q.shape
    draws = uniforms((batch, samples, variables, 1, rows, columns), share, generator, log_q.device)
    cumulative = log_q.detach().double().exp().cumsum(2)[:, None]
    drawn = (cumulative < draws * cumulative[:, :, :, -1:]).sum(3)
    return drawn.clamp_max(categories - 1).transpose(0, 1)


def multi_sample_bound(log_weights: Tensor) -> Tensor:
    """Compute log 1/S sum_s w_s, (batch,), of log w (samples, batch)."""
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def vimco_surrogate(log_weights: Tensor, log_q: Tensor) -> Tensor:
    """Compute (batch,) scalars whose gradient is VIMCO's estimate of that of -E[bound].

    Mnih and Rezende 2016, eq. 7 to 9. Each sample's log q is weighted by the decrease of the bound when the sample's
    weight is replaced by the geometric mean of the others.

    Parameters
    ----------
    log_weights : (samples, batch) log p(x, z_s) / q(z_s | x), with gradient
    log_q : (samples, batch) log q(z_s | x), with gradient
    """
    held = log_weights.detach()
    samples = len(held)
    others = (held.sum(0) - held) / (samples - 1)
    # Row s holds the weights with that of s replaced.
    replaced = held[None].repeat(samples, 1, 1)
    replaced.diagonal(dim1=0, dim2=1).copy_(others.T)
    signal = multi_sample_bound(held) - (replaced.logsumexp(1) - math.log(samples))
    return -(multi_sample_bound(log_weights) + (signal * log_q).sum(0))
