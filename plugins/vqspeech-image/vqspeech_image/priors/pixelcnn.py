"""The prior ``pixelcnn``: a gated PixelCNN over grids of codes, conditioned on classes and on coarser codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vqspeech.config import Strict, at_least
from vqspeech.errors import ConfigError
from vqspeech.nn.batch import CodeBatch, LossTerms, weighted_terms
from vqspeech.nn.priors.protocol import CodeSpace, Prior
from vqspeech_image.nn.pixelcnn import GatedPixelCNN
from vqspeech_image.sampling.cached import sample_cached
from vqspeech_image.sampling.draws import uniform_grid


@dataclass(frozen=True, kw_only=True)
class Attention(Strict):
    """Causal self-attention in a PixelCNN: `blocks` (0 for none) of `heads` with `head_width` channels each."""

    blocks: int = 0
    heads: int = 4
    head_width: int = 16

    def __post_init__(self) -> None:
        at_least(0, self, "model.attention", "blocks")
        at_least(1, self, "model.attention", "heads", "head_width")


NO_ATTENTION = Attention()


@dataclass(frozen=True, kw_only=True)
class Stacks:
    """Sizes of a gated PixelCNN; see `GatedPixelCNN`."""

    layers: int
    width: int
    first_kernel: int
    kernel: int
    head_width: int

    def __post_init__(self) -> None:
        at_least(1, self, "model", "layers", "width", "head_width")
        for name in ("first_kernel", "kernel"):
            value = getattr(self, name)
            if value < 3 or value % 2 == 0:
                raise ConfigError(f"model.{name} = {value}; odd and at least 3")


class PixelCNN(GatedPixelCNN, Prior):
    """A gated PixelCNN as a prior.

    Parameters
    ----------
    space : codes on a grid, with the classes and the coarser codes that it is conditioned on
    sizes : keywords of `GatedPixelCNN`
    """

    def __init__(self, space: CodeSpace, **sizes: Any) -> None:
        coarse = space.above.codebook_sizes if space.above else ()
        super().__init__(space.codebook_sizes, classes=space.conditions, coarse_sizes=coarse, **sizes)
        self.grid, self.depth = grid_of(space, "pixelcnn"), space.depth

    def loss(self, batch: CodeBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Compute mean nats per code."""
        costs = self.nll(batch.codes, batch.condition, batch.above)
        nll = costs.mean() if len(costs) else costs.sum()
        return weighted_terms(batch.weight, nll, {"nll": nll}, batch.codes)

    @torch.no_grad()
    def shuffled(self, batch: CodeBatch) -> Tensor | None:
        """Compute mean nats per code given class and coarser codes of the next grid; None without any."""
        if batch.condition is None and batch.above is None:
            return None
        condition = None if batch.condition is None else batch.condition.roll(1, 0)
        return self.nll(batch.codes, condition, None if batch.above is None else batch.above.roll(1, 0)).mean()

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
        """Draw grids of codes; see `Prior.sample`."""
        uniform = uniform_grid(seed, range(count), len(self.codebook_sizes), self.grid, level=self.depth)
        return sample_cached(self, uniform, condition, coarse=above, temperature=temperature)


def pixelcnn(
    space: CodeSpace,
    *,
    layers: int = 12,
    width: int = 64,
    first_kernel: int = 7,
    kernel: int = 3,
    head_width: int = 256,
    top_blocks: int = 3,
    attention: Attention = NO_ATTENTION,
) -> PixelCNN:
    """Build the prior ``pixelcnn``.

    Parameters
    ----------
    space : codes on a grid
    layers, width, first_kernel, kernel, head_width : see `GatedPixelCNN`
    top_blocks : residual blocks over the codes of the level above, where there is one
    attention : self-attention, as PixelSNAIL has

    Raises
    ------
    ConfigError : for sizes out of range, or codes that are not on a grid
    """
    sizes = Stacks(layers=layers, width=width, first_kernel=first_kernel, kernel=kernel, head_width=head_width)
    if top_blocks < 0:
        raise ConfigError(f"model.top_blocks = {top_blocks}; at least 0")
    if attention.blocks > layers:
        raise ConfigError(f"model.attention.blocks = {attention.blocks}; at most one behind each of {layers} layers")
    return PixelCNN(
        space,
        **vars(sizes),
        coarse_blocks=top_blocks,
        attention_blocks=attention.blocks,
        attention_heads=attention.heads,
        attention_width=attention.head_width,
    )


def grid_of(space: CodeSpace, name: str) -> tuple[int, int]:
    """Return (rows, columns) of a space.

    Raises
    ------
    ConfigError : when its codes are not on a grid
    """
    if space.grid is None or len(space.grid) != 2:
        raise ConfigError(f"model.name = {name!r} is a prior over codes of images; these are codes of {space.grid}")
    rows, columns = space.grid
    return rows, columns
