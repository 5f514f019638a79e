"""The contract of priors over codes: what training, sampling and `vqspeech.testing` rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vqspeech.nn.batch import CodeBatch, LossTerms
from vqspeech.nn.priors.predictor import Predictor


@dataclass(frozen=True, kw_only=True)
class CodeSpace:
    """The codes that a prior is built for.

    Parameters
    ----------
    codebook_sizes : number of codes of each codebook
    grid : positions of one item, (rows, columns) for images; None for sequences of any length
    conditions : number of speakers or classes; 0 for none
    above : the level above, whose codes the prior is conditioned on; None without one
    """

    codebook_sizes: tuple[int, ...]
    grid: tuple[int, ...] | None = None
    conditions: int = 0
    above: CodeSpace | None = None

    @property
    def depth(self) -> int:
        """Number of levels above."""
        return 0 if self.above is None else 1 + self.above.depth

    def plain(self) -> dict[str, Any]:
        """Return the space as JSON values."""
        return asdict(self)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> CodeSpace:
        """Make a space from what `plain` returned, also after JSON.

        Raises
        ------
        KeyError, TypeError, ValueError : for other values
        """
        grid, above = values["grid"], values["above"]
        return cls(
            codebook_sizes=tuple(int(size) for size in values["codebook_sizes"]),
            grid=None if grid is None else tuple(int(side) for side in grid),
            conditions=int(values["conditions"]),
            above=None if above is None else cls.parse(above),
        )


class Prior(nn.Module):
    """The protocol of priors, api 1: a distribution over codes (batch, codebooks, *grid).

    The factory that a plugin registers is called as ``make(space, **options)``: a `CodeSpace`, then the keys of
    ``[model]`` as keywords, without those of the modality ``codes`` itself (``name``, ``level``, ``conditioned``). It
    raises `ValueError` or `ConfigError` for options, or spaces, that cannot be used. A prior of a space with
    conditions, or with a level above, is given them in every batch and uses them.

    Attributes
    ----------
    criterion : name of the term that is compared between checkpoints; ``"nll"`` is in nats per code
    """

    criterion: str = "nll"

    def loss(self, batch: CodeBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Compute the loss of a batch; ``nll`` is -log p in nats per code, a mean over codes that count."""
        raise NotImplementedError

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
        """Draw codes; item n depends on the seed and n, not on the number of items.

        Parameters
        ----------
        count : items to draw
        frames : length of each, where the space has no grid
        condition : (count,) int64 speakers or classes
        above : (count, codebooks, *grid) codes of the level above
        seed : seed of the draws
        temperature : divides the logits; at 0 each code is the likeliest given those before it

        Returns
        -------
        (count, codebooks, *grid) or (count, codebooks, frames) int64
        """
        raise NotImplementedError

    def predictor(self, rows: int, condition: Tensor | None = None) -> Predictor | None:
        """Predict the codes of sequences one after the other; None for a prior that cannot.

        Continuing a recording, nucleus sampling, streaming and bitstreams need it. Codes that are drawn from it by
        `vqspeech.nn.priors.predictor.drawn_frames` are those of `sample`.

        Parameters
        ----------
        rows : number of sequences
        condition : (rows,) int64 speakers or classes
        """
        return None

    def shuffled(self, batch: CodeBatch) -> Tensor | None:
        """Compute `criterion` with the conditions of the next row; None without conditions."""
        return None

    def start(self, batch: CodeBatch, generator: torch.Generator) -> None:
        """Data-dependent initialisation; called once before the first step."""

    def update(self, generator: torch.Generator) -> None:
        """Update state outside the gradient; called once after each optimiser step."""
