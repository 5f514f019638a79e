"""The second stage of the paper's section 4.2: a VQ-VAE over the codes of the first, with a PixelCNN as its decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.batch import CodeBatch, LossTerms, weighted_terms
from vqspeech.nn.quantize import Quantizer
from vqspeech_image.nn.pixelcnn import GatedPixelCNN


class LatentNorm(nn.BatchNorm1d):
    """BatchNorm of latents (batch, dim), without which they run away from their codebooks together and one code is left; a row alone is normalised
    by the running statistics."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        if self.training and len(x) == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


class CodeVQVAE(nn.Module):
    """A few latents of a whole image, that a PixelCNN over its codes is told (van den Oord et al. 2017, section 4.2).

    loss = mean nats per code of -log p(codes | latents) + the quantizer's losses.

    A powerful decoder may ignore its latents, and 27 bits can save little of what hundreds of codes cost. So whether the latents are used is not
    seen in the likelihood, but in how much worse it becomes with the latents of another image, `shuffled`.

    Parameters
    ----------
    decoder : a `GatedPixelCNN` that is told a vector
    quantizer : of the vector, as a sequence of length 1; several codebooks are several latents
    grid : (rows, columns) of the codes
    width, downsamplings : of the encoder's convolutions
    """

    criterion = "nll"

    def __init__(
        self, decoder: GatedPixelCNN, quantizer: Quantizer, *, grid: tuple[int, int], width: int, downsamplings: int
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.quantizer = quantizer
        self.embeddings = nn.ModuleList(nn.Embedding(size, width) for size in decoder.codebook_sizes)
        layers: list[nn.Module] = [nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        rows, columns = grid
        for _ in range(downsamplings):
            layers += [nn.Conv2d(width, width, 4, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
            rows, columns = rows // 2, columns // 2
        layers += [nn.Flatten(), nn.Linear(width * rows * columns, quantizer.dim), LatentNorm(quantizer.dim)]
        self.encoder = nn.Sequential(*layers)

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of values of each latent."""
        return self.quantizer.codebook_sizes

    @torch.no_grad()
    def start(self, batch: CodeBatch, generator: torch.Generator) -> None:
        """Data-dependent start: the codebooks are placed on the latents of a batch."""
        self.quantizer.start(self._latents(batch.codes)[:, :, 0].float(), generator)

    def update(self, generator: torch.Generator) -> None:
        """What follows an optimiser step: the quantizer's own update."""
        self.quantizer.update(generator)

    def loss(self, batch: CodeBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Mean nats per code, and the quantizer's losses."""
        quantized = self.quantizer(self._latents(batch.codes))
        nll = self.decoder.nll(batch.codes, quantized.z_q[:, :, 0]).mean()
        total = torch.stack([nll, *quantized.losses.values()]).sum()
        return weighted_terms(batch.weight, total, {"nll": nll, **quantized.losses, **quantized.stats}, quantized.codes)

    @torch.no_grad()
    def shuffled(self, batch: CodeBatch) -> Tensor:
        """Mean nats per code when each image is given the latents of the next one."""
        latents = self.encode(batch.codes).roll(1, 0)
        return self.decoder.nll(batch.codes, self.told(latents)).mean()

    @torch.no_grad()
    def encode(self, codes: Tensor) -> Tensor:
        """Latents (batch, latents) int64 of codes (batch, codebooks, rows, columns)."""
        return self.quantizer.encode(self._latents(codes))[:, :, 0]

    def told(self, latents: Tensor) -> Tensor:
        """What the decoder, and a sampler of it, is told of latents (batch, latents) int64: (batch, dim)."""
        return self.quantizer.decode(latents[:, :, None])[:, :, 0]

    def _latents(self, codes: Tensor) -> Tensor:
        """(batch, dim, 1)."""
        parts = [embedding(codes[:, book]) for book, embedding in enumerate(self.embeddings)]
        embedded = torch.stack(parts).sum(0).permute(0, 3, 1, 2)
        return self.encoder(embedded)[:, :, None]
