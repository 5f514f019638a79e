"""The prior ``pixelcnn``: a gated PixelCNN over grids, and over sequences as one row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vqspeech.config import Strict, at_least
from vqspeech.errors import ConfigError
from vqspeech.nn.batch import CodeBatch, LossTerms
from vqspeech.nn.priors.cached import sample_cached
from vqspeech.nn.priors.costs import mean_nll, with_others_conditions
from vqspeech.nn.priors.draws import uniform_grid
from vqspeech.nn.priors.gated import GatedPixelCNN
from vqspeech.nn.priors.protocol import CodeSpace, Prior


@dataclass(frozen=True, kw_only=True)
class Attention(Strict):
    """Attention of a PixelCNN: number of `blocks`, `heads` per block, channels per head."""

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
    """A gated PixelCNN as a prior over codes on grids or in sequences.

    Frames are the columns of a single row: code t sees first_kernel // 2 + (layers - 1) * (kernel // 2) frames before
    it.

    Parameters
    ----------
    space : the codes, with the classes or speakers and the coarser codes that they are conditioned on
    sizes : keywords of `GatedPixelCNN`
    """

    def __init__(self, space: CodeSpace, **sizes: Any) -> None:
        coarse = space.above.codebook_sizes if space.above else ()
        super().__init__(space.codebook_sizes, classes=space.conditions, coarse_sizes=coarse, **sizes)
        self.space = space

    def loss(self, batch: CodeBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Compute mean nats per code, of the frames within ``lengths`` where there are any."""
        return mean_nll(batch, self._nats(batch))

    @torch.no_grad()
    def shuffled(self, batch: CodeBatch) -> Tensor | None:
        """Compute `criterion` with condition and coarser codes of another row, or None."""
        others = with_others_conditions(batch)
        return None if others is None else self.loss(others).terms["nll"]

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
        """Draw codes, at constant cost per code; see `Prior.sample`."""
        grid = self.space.grid or (frames or 0,)
        rows, columns = grid if len(grid) == 2 else (1, *grid)
        uniform = uniform_grid(seed, range(count), len(self.codebook_sizes), (rows, columns), level=self.space.depth)
        coarse = None if above is None else _as_grid(above)
        codes = sample_cached(self, uniform, condition, coarse=coarse, temperature=temperature)
        return codes.view(count, len(self.codebook_sizes), *grid)

    def _nats(self, batch: CodeBatch) -> Tensor:
        """Compute -log p of every code, in the shape of the codes."""
        above = None if batch.above is None else _as_grid(batch.above)
        return self.nll(_as_grid(batch.codes), batch.condition, above).view(batch.codes.shape)


def _as_grid(codes: Tensor) -> Tensor:
    return codes if codes.ndim == 4 else codes[:, :, None]


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
    space : codes on a grid of one or two dimensions, or sequences
    layers, width, first_kernel, kernel, head_width : see `GatedPixelCNN`
    top_blocks : residual blocks over the codes of the level above, where there is one
    attention : self-attention, as PixelSNAIL has; for codes on a grid

    Raises
    ------
    ConfigError : for sizes out of range, attention over sequences, or a grid of more dimensions
    """
    sizes = Stacks(layers=layers, width=width, first_kernel=first_kernel, kernel=kernel, head_width=head_width)
    if top_blocks < 0:
        raise ConfigError(f"model.top_blocks = {top_blocks}; at least 0")
    if attention.blocks > layers:
        raise ConfigError(f"model.attention.blocks = {attention.blocks}; at most one behind each of {layers} layers")
    if space.grid is None and attention.blocks:
        raise ConfigError("model.attention.blocks needs codes on a grid, and these are sequences; set it to 0")
    if len(space.grid or (0,)) > 2:
        raise ConfigError(f"model.name = 'pixelcnn' takes grids of one or two dimensions, not {space.grid}")
    return PixelCNN(
        space,
        **vars(sizes),
        coarse_blocks=top_blocks,
        attention_blocks=attention.blocks,
        attention_heads=attention.heads,
        attention_width=attention.head_width,
    )
