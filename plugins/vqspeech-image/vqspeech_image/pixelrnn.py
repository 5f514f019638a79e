"""The prior ``pixelrnn``: a PixelRNN over grids of codes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vqspeech.errors import ConfigError
from vqspeech.nn.batch import CodeBatch, LossTerms
from vqspeech.nn.priors.costs import mean_nll, with_others_conditions
from vqspeech.nn.priors.draws import uniform_grid
from vqspeech.nn.priors.protocol import CodeSpace, Prior
from vqspeech_image.nn.pixelrnn import PixelRNN
from vqspeech_image.nn.pixelrnn_sampling import sample_pixelrnn


class PixelRNNPrior(PixelRNN, Prior):
    """A PixelRNN as a prior over codes on grids.

    Parameters
    ----------
    space : the codes, with the classes and the coarser codes that they are conditioned on
    sizes : keywords of `PixelRNN`
    """

    def __init__(self, space: CodeSpace, **sizes: Any) -> None:
        coarse = space.above.codebook_sizes if space.above else ()
        super().__init__(space.codebook_sizes, classes=space.conditions, coarse_sizes=coarse, **sizes)
        self.space = space

    def loss(self, batch: CodeBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Compute mean nats per code."""
        return mean_nll(batch, self.nll(batch.codes, batch.condition, batch.above))

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
        assert self.space.grid is not None
        rows, columns = self.space.grid
        uniform = uniform_grid(seed, range(count), len(self.codebook_sizes), (rows, columns), level=self.space.depth)
        return sample_pixelrnn(self, uniform, condition, coarse=above, temperature=temperature)


def pixelrnn(
    space: CodeSpace,
    *,
    layers: int = 7,
    width: int = 64,
    first_kernel: int = 7,
    head_width: int = 256,
    top_blocks: int = 3,
) -> PixelRNNPrior:
    """Build the prior ``pixelrnn``.

    Parameters
    ----------
    space : codes on a grid of two dimensions
    layers, width, first_kernel, head_width : see `PixelRNN`
    top_blocks : residual blocks over the codes of the level above, where there is one

    Raises
    ------
    ConfigError : for sizes out of range, or codes that are not on a grid of two dimensions
    """
    if space.grid is None or len(space.grid) != 2:
        raise ConfigError(
            f"model.name = 'pixelrnn' takes codes on a grid of two dimensions, such as those of images, not "
            f"{'sequences' if space.grid is None else space.grid}; choose 'pixelcnn'"
        )
    for name, value, least in (
        ("layers", layers, 1),
        ("width", width, 1),
        ("head_width", head_width, 1),
        ("top_blocks", top_blocks, 0),
    ):
        if value < least:
            raise ConfigError(f"model.{name} = {value}; at least {least}")
    if first_kernel < 3 or first_kernel % 2 == 0:
        raise ConfigError(f"model.first_kernel = {first_kernel}; odd and at least 3")
    return PixelRNNPrior(
        space,
        layers=layers,
        width=width,
        first_kernel=first_kernel,
        head_width=head_width,
        coarse_blocks=top_blocks,
    )
