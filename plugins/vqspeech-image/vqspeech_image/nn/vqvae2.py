"""The VQ-VAE of two levels (Razavi et al. 2019, arXiv 1906.00446)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vqspeech.nn.quantize import Quantizer
from vqspeech_image.nn.autoencoder import ConvDecoder, ConvEncoder, ResidualBlock, norm, strided, transposed
from vqspeech_image.nn.batch import ImageBatch
from vqspeech_image.nn.levels import Level, TwoLevels
from vqspeech_image.nn.likelihoods import Likelihood
from vqspeech_image.nn.vqvae import DiscreteVAE, Latents, frames_of


class VQVAE2(DiscreteVAE):
    """A VQ-VAE with two quantizers, coarse and fine (Razavi et al. 2019, algorithm 1).

    The encoder's features are halved again and quantized: the top codes. They are decoded to the finer grid and,
    together with the encoder's features, quantized again: the bottom codes. The decoder receives the bottom codes and
    the top codes, the latter upsampled by transposed convolutions of their own. Details that the paper omits follow
    rosinality/vq-vae-2-pytorch, with BatchNorm also after the upsampled top codes: without it they reach the decoder
    twenty times weaker than the bottom ones, and it learns to ignore them (swapping them cost 0.002 bits/dim after
    1,200 steps on CIFAR-10).

    Parameters
    ----------
    encoder : encoder of the finer grid; returns `width` channels
    decoder : decoder of the finer grid; takes twice the quantizers' dim
    top_quantizer, quantizer : quantizers of the coarse and the fine grid, of equal dim
    likelihood, pixel_share : as in `DiscreteVAE`
    width, residual_blocks, normalised : options of the layers between the grids, as in `ConvEncoder`
    top_downsamplings : halvings between them
    """

    def __init__(
        self,
        encoder: ConvEncoder,
        decoder: ConvDecoder,
        top_quantizer: Quantizer,
        quantizer: Quantizer,
        likelihood: Likelihood,
        *,
        width: int,
        residual_blocks: int,
        normalised: bool,
        top_downsamplings: int,
        pixel_share: float = 1.0,
    ) -> None:
        super().__init__(decoder, likelihood, pixel_share)
        self.encoder = encoder
        self.top_quantizer = top_quantizer
        self.quantizer = quantizer
        self.times = 2**top_downsamplings
        dim = quantizer.dim
        between = [ResidualBlock(width, normalised) for _ in range(residual_blocks)]
        self.top_encoder = nn.Sequential(
            nn.ReLU(),
            *strided(width, width, top_downsamplings, normalised),
            *between,
            nn.ReLU(),
            nn.Conv2d(width, dim, 1),
        )
        self.top_decoder = nn.Sequential(
            nn.Conv2d(dim, width, 1, bias=not normalised),
            *norm(width, normalised),
            *(ResidualBlock(width, normalised) for _ in range(residual_blocks)),
            *transposed(width, top_downsamplings, normalised),
            nn.ReLU(),
            nn.Conv2d(width, dim, 1),
        )
        self.to_bottom = nn.Conv2d(width + dim, dim, 1)
        self.raise_top = nn.Sequential(
            *(
                layer
                for _ in range(top_downsamplings)
                for layer in (nn.ConvTranspose2d(dim, dim, 4, 2, 1), *norm(dim, normalised))
            )
        )

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels ``top`` and ``bottom``."""
        rows, columns = self.encoder.grid
        top = rows // self.times, columns // self.times
        return (
            Level("top", top, self.top_quantizer.codebook_sizes),
            Level("bottom", self.encoder.grid, self.quantizer.codebook_sizes),
        )

    @torch.no_grad()
    def start(self, batch: ImageBatch, generator: torch.Generator) -> None:
        """Initialise both codebooks from data, the top one first, since the bottom latents depend on it."""
        features = self.encoder(batch.pixels)
        top = self.top_encoder(features)
        self.top_quantizer.start(frames_of(top), generator)
        coarse = self._top_grid(self.top_quantizer.decode(self.top_quantizer.encode(top.flatten(2))))
        self.quantizer.start(frames_of(self._bottom_latents(features, coarse)), generator)

    def update(self, generator: torch.Generator) -> None:
        """Run the quantizers' updates, after an optimiser step."""
        self.top_quantizer.update(generator)
        self.quantizer.update(generator)

    def latents(self, pixels: Tensor) -> Latents:
        """Compute latents as `DiscreteVAE.latents`; top codes are repeated to the finer grid."""
        features = self.encoder(pixels)
        top = self.top_quantizer(self.top_encoder(features).flatten(2))
        coarse = self._top_grid(top.z_q)
        bottom = self.quantizer(self._bottom_latents(features, coarse).flatten(2))
        repeated = self._top_grid(top.codes).repeat_interleave(self.times, 2).repeat_interleave(self.times, 3)
        losses = {f"top_{name}": loss for name, loss in top.losses.items()}
        losses |= {f"bottom_{name}": loss for name, loss in bottom.losses.items()}
        stats = {f"top_{name}": figure for name, figure in top.stats.items()}
        stats |= {f"bottom_{name}": figure for name, figure in bottom.stats.items()}
        both = torch.cat([self.raise_top(coarse), bottom.z_q.unflatten(2, self.encoder.grid)], 1)
        return Latents(both, losses, stats, torch.cat([repeated.flatten(2), bottom.codes], 1))

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> TwoLevels:
        """Return codes of both levels, of pixels (batch, height, width, channels) uint8."""
        features = self.encoder(pixels)
        top = self.top_quantizer.encode(self.top_encoder(features).flatten(2))
        coarse = self._top_grid(self.top_quantizer.decode(top))
        bottom = self.quantizer.encode(self._bottom_latents(features, coarse).flatten(2))
        return TwoLevels(self._top_grid(top), bottom.unflatten(2, self.encoder.grid))

    def decoder_input(self, *codes: Tensor) -> Tensor:
        """See `DiscreteVAE.decoder_input`."""
        top, bottom = codes
        coarse = self._top_grid(self.top_quantizer.decode(top.flatten(2)))
        fine = self.quantizer.decode(bottom.flatten(2)).unflatten(2, self.encoder.grid)
        return torch.cat([self.raise_top(coarse), fine], 1)

    def _top_grid(self, flat: Tensor) -> Tensor:
        return flat.unflatten(2, self.levels[0].grid)

    def _bottom_latents(self, features: Tensor, top: Tensor) -> Tensor:
        """Concatenate the encoder's features with the decoded top latents: (batch, dim, rows, columns)."""
        latents: Tensor = self.to_bottom(torch.cat([features, self.top_decoder(top)], 1))
        return latents
