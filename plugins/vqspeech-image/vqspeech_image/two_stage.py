"""The prior ``two-stage``: a VQ-VAE over codes with a PixelCNN decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech import parts
from vqspeech.errors import ConfigError
from vqspeech.nn.batch import CodeBatch, LossTerms, weighted_terms
from vqspeech.nn.priors.cached import sample_cached
from vqspeech.nn.priors.draws import uniform_grid
from vqspeech.nn.priors.gated import GatedPixelCNN
from vqspeech.nn.priors.heads import embedded
from vqspeech.nn.priors.pixelcnn import Stacks
from vqspeech.nn.priors.protocol import CodeSpace, Prior
from vqspeech.nn.quantize import Quantizer

LATENT_LEVEL = 2**32
"""Level of the uniform numbers that latents are drawn from; those of codes count from 0."""

THREE_LATENTS: Mapping[str, Any] = {"name": "grouped", "groups": 3, "codebook_size": 512, "decay": 0.99}
"""The quantizer of the paper's three latents of 512, each with its own codebook."""


class LatentNorm(nn.BatchNorm1d):
    """BatchNorm of latents (batch, dim); a row alone is normalised by the running statistics.

    Without it latents move away from their codebooks together, and one code is left.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise to the same shape."""
        if self.training and len(x) == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


class TwoStage(Prior):
    """A few latents per image, the condition of a PixelCNN over codes (section 4.2).

    loss = mean nats per code of -log p(codes | latents) + the quantizer's losses. The latents' prior is uniform.

    A powerful decoder may ignore its latents, and 27 bits can save little of the cost of hundreds of codes. Whether
    they are used shows in how much worse the likelihood becomes with the latents of another image, `shuffled`.

    Parameters
    ----------
    decoder : a `GatedPixelCNN` that is conditioned on a vector
    quantizer : quantizer of the vector, as a sequence of length 1; several codebooks are several latents
    grid : (rows, columns) of the codes
    width, downsamplings : width and downsamplings of the encoder's convolutions
    """

    def __init__(
        self, decoder: GatedPixelCNN, quantizer: Quantizer, *, grid: tuple[int, int], width: int, downsamplings: int
    ) -> None:
        super().__init__()
        self.grid = grid
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
        """Place the codebooks on the latents of a batch."""
        self.quantizer.start(self._latents(batch.codes)[:, :, 0].float(), generator)

    def update(self, generator: torch.Generator) -> None:
        """Update the quantizer."""
        self.quantizer.update(generator)

    def loss(self, batch: CodeBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Compute mean nats per code, and the quantizer's losses."""
        quantized = self.quantizer(self._latents(batch.codes))
        nll = self.decoder.nll(batch.codes, quantized.z_q[:, :, 0]).mean()
        total = torch.stack([nll, *quantized.losses.values()]).sum()
        terms = {"nll": nll, **quantized.losses, **quantized.stats}
        return weighted_terms(batch.weight, total, terms, quantized.codes)

    @torch.no_grad()
    def shuffled(self, batch: CodeBatch) -> Tensor:
        """Compute mean nats per code when each image gets the latents of the next one."""
        latents = self.encode(batch.codes).roll(1, 0)
        return self.decoder.nll(batch.codes, self.vector(latents)).mean()

    @torch.no_grad()
    def encode(self, codes: Tensor) -> Tensor:
        """Compute latents (batch, latents) int64 of codes (batch, codebooks, rows, columns)."""
        return self.quantizer.encode(self._latents(codes))[:, :, 0]

    def vector(self, latents: Tensor) -> Tensor:
        """Compute the decoder's condition (batch, dim) from latents (batch, latents) int64."""
        return self.quantizer.decode(latents[:, :, None])[:, :, 0]

    def sample(
        self,
        count: int,
        *,
        frames: int | None = None,
        condition: Tensor | None = None,
        above: Tensor | None = None,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> Tensor:
        """Draw latents uniformly, and grids of codes given them; see `Prior.sample`."""
        sizes = torch.tensor(self.codebook_sizes)
        uniform = uniform_grid(seed, range(count), len(sizes), (1, 1), level=LATENT_LEVEL)[:, :, 0, 0]
        latents = (uniform * sizes).long().clamp_max(sizes - 1)
        return self.sample_given(latents, seed=seed, temperature=temperature)

    @torch.no_grad()
    def sample_given(self, latents: Tensor, *, seed: int = 0, temperature: float = 1.0) -> Tensor:
        """Draw codes (batch, codebooks, rows, columns) given latents (batch, latents) int64."""
        uniform = uniform_grid(seed, range(len(latents)), len(self.decoder.codebook_sizes), self.grid)
        return sample_cached(self.decoder, uniform, self.vector(latents), temperature=temperature)

    def _latents(self, codes: Tensor) -> Tensor:
        """Compute latents (batch, dim, 1)."""
        return self.encoder(embedded(self.embeddings, codes))[:, :, None]


def two_stage(
    space: CodeSpace,
    *,
    dim: int = 96,
    encoder_width: int = 64,
    downsamplings: int = 2,
    quantizer: Mapping[str, Any] = THREE_LATENTS,
    layers: int = 8,
    width: int = 64,
    first_kernel: int = 5,
    kernel: int = 3,
    head_width: int = 128,
) -> TwoStage:
    """Build the prior ``two-stage``.

    Parameters
    ----------
    space : codes on a grid of one level, or of the coarsest one
    dim : channels of the latents of an image, all together
    encoder_width, downsamplings : channels and number of the convolutions over the grid of codes
    quantizer : ``name`` and hyper-parameters of the latents' quantizer
    layers, width, first_kernel, kernel, head_width : options of the decoder, see `GatedPixelCNN`

    Raises
    ------
    ConfigError : for sizes out of range, a grid that cannot be halved as often, classes, or a level above
    UnknownNameError : when the quantizer is not registered
    """
    if space.grid is None or len(space.grid) != 2:
        raise ConfigError(f"model.name = 'two-stage' is a prior over codes of images; these are codes of {space.grid}")
    rows, columns = grid = space.grid
    sizes = Stacks(layers=layers, width=width, first_kernel=first_kernel, kernel=kernel, head_width=head_width)
    if min(dim, encoder_width) < 1 or downsamplings < 0:
        raise ConfigError("model.dim and model.encoder_width: at least 1; model.downsamplings: at least 0")
    if min(grid) < 2**downsamplings:
        raise ConfigError(f"model.downsamplings = {downsamplings} leaves nothing of a grid of {rows} x {columns} codes")
    if space.conditions:
        raise ConfigError("model.name = 'two-stage' has no classes; set model.conditioned = false")
    if space.above is not None:
        raise ConfigError("model.name = 'two-stage' is a prior over the coarsest codes; set model.level to that level")
    built: Quantizer = parts.build("quantizer", quantizer, dim)
    decoder = GatedPixelCNN(space.codebook_sizes, latents=dim, **vars(sizes))
    return TwoStage(decoder, built, grid=grid, width=encoder_width, downsamplings=downsamplings)
