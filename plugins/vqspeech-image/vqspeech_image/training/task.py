"""What the tasks of images and of codes share: batches of a store's rows, and checkpoints that say what they are of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vqspeech.checkpoints import store
from vqspeech.config import RunConfig, plain
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.share import Share
from vqspeech.training.rows import RowBatches
from vqspeech_image.storage import RowStore


class StoreTask(ABC):
    """A model and the rows of a store; see `vqspeech.training.task.Task`.

    Parameters
    ----------
    config : of the run
    store : of images or codes
    model_config, model : the model and its configuration
    row_shape : of one row: pixels with their channels, or codes
    """

    def __init__(
        self, config: RunConfig, store: RowStore, model_config: Any, model: Any, row_shape: tuple[int, ...]
    ) -> None:
        self.config = config
        self.model_config = model_config
        self.model = model
        self.codebook_sizes: tuple[int, ...] = model.codebook_sizes
        held_out, size = store.indices("valid"), config.train.batch_size
        self._train = RowBatches(store.indices("train"), seed=config.seed, batch_size=size)
        self._valid = RowBatches(
            held_out if len(held_out) else store.indices("train"), seed=config.seed, batch_size=size
        )
        self._corpus = {"name": store.corpus.name, "variant": store.corpus.variant}
        self.steps_per_epoch = self._train.steps_per_epoch
        self.samples_per_step = size * int(np.prod(row_shape))
        self.fingerprint = store.fingerprint

    @abstractmethod
    def rows(self, chosen: npt.NDArray[np.int64], share: Share | None) -> CodeBatch:
        """A batch of the chosen rows, which are a `share` of a larger one."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What config.json of a checkpoint says of the data, beside corpus and fingerprint."""

    def batch(self, step: int, rank: int, ranks: int) -> CodeBatch:
        """Rows of the training split."""
        return self._share(self._train.training(step), rank, ranks)

    def validation_batch(self, number: int, rank: int, ranks: int) -> CodeBatch:
        """Rows of the validation split, or of the training split where that is empty; at least two, to swap codes between."""
        return self._share(self._valid.fixed(number, max(2, self.config.train.batch_size)), rank, ranks)

    def start_batch(self) -> CodeBatch:
        """``train.start_crops`` rows of the training split."""
        return self._share(self._train.start(self.config.train.start_crops), 0, 1)

    def save(self, directory: Path, weights: Mapping[str, Tensor], step: int, state: Mapping[str, Any]) -> None:
        """A checkpoint directory; see `vqspeech.checkpoints.store.save`."""
        facts = {"run": plain(self.config), "corpus": self._corpus, **self.facts(), "data": self.fingerprint}
        store.save(directory, weights, config=self.model_config, step=step, state=state, facts=facts)

    def _share(self, rows: npt.NDArray[np.int64], rank: int, ranks: int) -> CodeBatch:
        return self.rows(rows[rank::ranks], None if ranks == 1 else Share(rank, ranks, len(rows)))
