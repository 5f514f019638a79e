"""The prior under test, built anew for each check, and codes to train it on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.protocol import CodeSpace, Prior
from vqspeech.nn.share import Share
from vqspeech.registry.specs import PriorSpec
from vqspeech.testing.modules import build, generator

SPACE = CodeSpace(codebook_sizes=(7, 5), conditions=3)
"""Sequences of any length over two codebooks, with three speakers."""

FRAMES = 9
"""Length of sequences, where the space has no grid."""

STEPS = 40
"""Steps of `PriorSubject.trained`."""

MOST_ITEMS = 300
"""Items that `PriorSubject.every_item` lists at most."""


@dataclass(frozen=True)
class PriorSubject:
    """A registered name or a factory, with the arguments to build a prior.

    Parameters
    ----------
    prior : the name, or ``make(space, **options)``
    space : space of the codes
    options : keys of ``[model]``
    frames : length of sequences, where the space has no grid
    """

    prior: str | Callable[..., Prior]
    space: CodeSpace = SPACE
    options: dict[str, Any] = field(default_factory=dict)
    frames: int = FRAMES

    @property
    def name(self) -> str:
        """See `vqspeech.testing.cases.Subject`."""
        return self.prior if isinstance(self.prior, str) else self.prior.__name__

    @property
    def grid(self) -> tuple[int, ...]:
        """Positions of an item."""
        return self.space.grid or (self.frames,)

    @property
    def length(self) -> int | None:
        """What `Prior.sample` is asked for as `frames`: nothing where the space has a grid."""
        return None if self.space.grid else self.frames

    @property
    def codes_per_item(self) -> int:
        """Number of codes of an item of full length."""
        return len(self.space.codebook_sizes) * math.prod(self.grid)

    def fresh(self, seed: int = 0) -> Prior:
        """A new prior in training mode, a function of the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made: Prior = build(PriorSpec, self.prior, self.space, self.options)
        return made.train()

    def started(self) -> Prior:
        """A new prior after its data-dependent initialisation."""
        prior = self.fresh()
        with torch.no_grad():
            prior.start(self.batch(), generator(2))
        return prior

    def trained(self, steps: int = STEPS) -> Prior:
        """A prior after some steps on codes that depend on position and condition, in evaluation mode."""
        prior = self.started()
        optimiser = torch.optim.Adam([one for one in prior.parameters() if one.requires_grad], lr=1e-2)
        for step in range(steps):
            optimiser.zero_grad()
            prior.loss(self.batch(rows=16, seed=step), generator(step)).total.backward()
            optimiser.step()
            prior.update(generator(step))
        return prior.eval()

    def batch(self, rows: int = 5, seed: int = 0, padding: int = 0) -> CodeBatch:
        """Codes that follow position, condition and the level above, with noise; sequences differ in length.

        Sequences have `padding` more frames of zeros, which changes no other number.
        """
        condition = self.conditions(rows)
        sizes, grid = self.space.codebook_sizes, self.grid
        place = torch.arange(math.prod(grid)).view(grid)
        above = self.above(rows, seed + 500)
        offset = torch.zeros(rows, *grid, dtype=torch.int64)
        if condition is not None:
            offset = offset + 2 * condition.view(rows, *(1 for _ in grid))
        if above is not None:
            offset = offset + above.flatten(1)[:, :1].view(rows, *(1 for _ in grid))
        codes = torch.stack([(place + offset + book) % size for book, size in enumerate(sizes)], 1)
        noise = torch.rand(codes.shape, generator=generator(seed)) < 0.1
        other = torch.randint(1_000_000, codes.shape, generator=generator(seed + 1000))
        size = torch.tensor(sizes).view(1, -1, *(1 for _ in grid))
        codes = torch.where(noise, other % size, codes)
        lengths = None
        if self.space.grid is None:
            lengths = torch.full((rows,), self.frames)
            lengths[1::3] = self.frames // 2
            codes = codes * (torch.arange(self.frames) < lengths[:, None])[:, None]
            codes = torch.nn.functional.pad(codes, (0, padding))
        return CodeBatch(codes, lengths, condition, above)

    def conditions(self, rows: int) -> Tensor | None:
        """Each speaker or class in turn; None where the space has none."""
        return torch.arange(rows) % self.space.conditions if self.space.conditions else None

    def above(self, rows: int, seed: int = 0) -> Tensor | None:
        """Random codes of the level above; None without one."""
        above = self.space.above
        if above is None:
            return None
        grid = above.grid or (self.frames,)
        books = [torch.randint(size, (rows, *grid), generator=generator(seed)) for size in above.codebook_sizes]
        return torch.stack(books, 1)

    def share(self, batch: CodeBatch, rank: int, ranks: int) -> CodeBatch:
        """The rows rank, rank + ranks, ... with the normalisers of the whole batch."""
        rows = slice(rank, None, ranks)
        count = len(batch.codes)
        frames = count * math.prod(batch.codes.shape[2:]) if batch.lengths is None else int(batch.lengths.sum())
        return CodeBatch(
            codes=batch.codes[rows],
            lengths=None if batch.lengths is None else batch.lengths[rows],
            condition=None if batch.condition is None else batch.condition[rows],
            above=None if batch.above is None else batch.above[rows],
            share=Share(rank, ranks, count, 0, frames),
        )

    def tiny(self) -> PriorSubject:
        """The same prior over two codes per codebook and so few positions that every item can be listed."""
        books = len(self.space.codebook_sizes)
        space = replace(self.space, codebook_sizes=(2,) * books)
        if self.space.grid is None:
            return replace(self, space=space, frames=max(1, 6 // books))
        grid = tuple(min(2, side) for side in self.space.grid)
        above = self.space.above
        if above is not None and above.grid is not None:
            sides = zip(above.grid, self.space.grid, grid, strict=True)
            above = replace(above, grid=tuple(max(1, coarse * small // fine) for coarse, fine, small in sides))
        return replace(self, space=replace(space, grid=grid, above=above))

    def every_item(self) -> Tensor:
        """All items of a tiny space, (items, codebooks, *grid)."""
        items = itertools.product(
            *(range(size) for size in self.space.codebook_sizes for _ in range(math.prod(self.grid)))
        )
        return torch.tensor(list(items)).view(-1, len(self.space.codebook_sizes), *self.grid)

    def draw(self, prior: Prior, count: int, **options: Any) -> Tensor:
        """Sample items with the conditions of `batch`."""
        given = {"frames": self.length, "condition": self.conditions(count), "above": self.above(count)}
        return prior.sample(count, **(given | options))
