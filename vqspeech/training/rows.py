"""Tasks over the rows of a store: selection of rows, and training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from vqspeech.checkpoints import store as checkpoints
from vqspeech.config import RunConfig, plain
from vqspeech.corpora.rows import RowStore
from vqspeech.errors import CorpusError
from vqspeech.nn.share import Share
from vqspeech.training.draws import START, TRAIN, VALID, generator

STREAMS = 3
"""Streams of `vqspeech.training.draws`; the numbers of `Rows.uniform` have as many of their own."""


class Rows(NamedTuple):
    """The rows of a store that one process computes in a step.

    Parameters
    ----------
    indices : (rows,) int64, places in the store
    uniform : (rows,) float64 in [0, 1), a random number for each row, for example for the start of a crop
    share : position of these rows in the global batch; None when they are the whole batch
    whole : (rows,) int64, places of all rows of the global batch; shares padded to its longest row have equal shapes
    """

    indices: npt.NDArray[np.int64]
    uniform: npt.NDArray[np.float64]
    share: Share | None
    whole: npt.NDArray[np.int64]


class RowBatches:
    """Draws rows in epochs, as a pure function of (seed, stream, step).

    Each epoch is a permutation of its own, so every row is seen equally often. A permutation is drawn from the number
    of its epoch; nothing is carried from step to step, so a resumed run and another process draw the same rows.

    Parameters
    ----------
    indices : (rows,) int64, rows to draw from
    seed : seed of the run
    batch_size : rows of a training batch

    Raises
    ------
    CorpusError : when there are no rows
    """

    def __init__(self, indices: npt.NDArray[np.int64], *, seed: int, batch_size: int) -> None:
        if not len(indices):
            raise CorpusError("no rows to draw batches from; the split is empty")
        self.indices = indices
        self.seed = seed
        self.batch_size = batch_size
        self._last: tuple[int, npt.NDArray[np.int64]] | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches that hold as many rows as there are."""
        return max(1, len(self.indices) // self.batch_size)

    def training(self, step: int) -> npt.NDArray[np.int64]:
        """Draw the rows (batch_size,) of a training step."""
        first = step * self.batch_size
        places = np.arange(first, first + self.batch_size)
        epochs = places // len(self.indices)
        rows = np.empty(self.batch_size, np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            rows[here] = self._permutation(int(epoch))[places[here] % len(self.indices)]
        return self.indices[rows]

    def fixed(self, number: int, count: int) -> npt.NDArray[np.int64]:
        """Draw the rows (count,) of a validation batch: consecutive parts of a permutation."""
        order = generator(self.seed, VALID, 0).permutation(len(self.indices))
        return self.indices[order[np.arange(number * count, (number + 1) * count) % len(order)]]

    def start(self, count: int) -> npt.NDArray[np.int64]:
        """Draw at most `count` rows for the data-dependent start."""
        order = generator(self.seed, START, 0).permutation(len(self.indices))
        return self.indices[order[:count]]

    def _permutation(self, epoch: int) -> npt.NDArray[np.int64]:
        if self._last is None or self._last[0] != epoch:
            self._last = epoch, generator(self.seed, TRAIN, epoch).permutation(len(self.indices))
        return self._last[1]


class RowTask(ABC):
    """A model and the rows of a store; a complete `vqspeech.modality.Task` but for `make`.

    Parameters
    ----------
    config : checked configuration of the run
    store : training and validation rows
    model_config, model : the model and its configuration, a dataclass
    values_per_row : values that a row holds, for the rate that training reports
    codebook_sizes : sizes of the codebooks of the loss's codes; ``model.codebook_sizes`` when None
    """

    def __init__(
        self,
        config: RunConfig,
        store: RowStore,
        model_config: Any,
        model: nn.Module,
        *,
        values_per_row: int,
        codebook_sizes: tuple[int, ...] | None = None,
    ) -> None:
        self.config, self.store = config, store
        self.model_config = model_config
        self.model = model
        self.codebook_sizes: tuple[int, ...] = (
            tuple(model.codebook_sizes) if codebook_sizes is None else codebook_sizes  # type: ignore[arg-type]
        )
        train, held_out, size = store.indices("train"), store.indices("valid"), config.train.batch_size
        self._train = RowBatches(train, seed=config.seed, batch_size=size)
        self._valid = RowBatches(held_out if len(held_out) else train, seed=config.seed, batch_size=size)
        self.steps_per_epoch = self._train.steps_per_epoch
        self.samples_per_step = size * values_per_row
        self.fingerprint = store.fingerprint

    @abstractmethod
    def make(self, rows: Rows) -> Any:
        """Make the batch of some rows: a named tuple or dataclass of tensors with ``to(device)``."""

    def frames(self, indices: npt.NDArray[np.int64]) -> int:
        """Count the frames of some rows, for `Share.frames`; override where rows differ in length."""
        return len(indices)

    def facts(self) -> dict[str, Any]:
        """JSON values for the config.json of checkpoints, beside run, corpus and fingerprint."""
        return {}

    def parts(self) -> dict[str, str]:
        """Return registered parts of the model outside its tables, kind -> name."""
        return {}

    def batch(self, step: int, rank: int, ranks: int) -> Any:
        """Make a share of a training batch."""
        return self._share(self._train.training(step), TRAIN, step, rank, ranks)

    def validation_batch(self, number: int, rank: int, ranks: int) -> Any:
        """Make a share of a validation batch of at least two rows; else of training rows."""
        rows = self._valid.fixed(number, max(2, self.config.train.batch_size))
        return self._share(rows, VALID, number, rank, ranks)

    def start_batch(self) -> Any:
        """Make a batch of ``train.start_crops`` training rows."""
        return self._share(self._train.start(self.config.train.start_crops), START, 0, 0, 1)

    def save(self, directory: Path, weights: Mapping[str, Tensor], step: int, state: Mapping[str, Any]) -> None:
        """Write a checkpoint directory; see `vqspeech.checkpoints.store.save`."""
        corpus = self.store.corpus
        facts = {
            "run": plain(self.config),
            "corpus": {"name": corpus.name, "variant": corpus.variant, "synthetic": corpus.synthetic},
            **self.facts(),
            "data": self.fingerprint,
        }
        checkpoints.save(
            directory, weights, config=self.model_config, step=step, state=state, facts=facts, parts=self.parts()
        )

    def _share(self, indices: npt.NDArray[np.int64], stream: int, number: int, rank: int, ranks: int) -> Any:
        uniform = generator(self.config.seed, STREAMS + stream, number).random(len(indices))
        share = None
        if ranks > 1:
            share = Share(rank=rank, ranks=ranks, rows=len(indices), frames=self.frames(indices))
        return self.make(Rows(indices[rank::ranks], uniform[rank::ranks], share, indices))
