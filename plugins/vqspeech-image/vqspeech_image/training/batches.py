"""Batches of rows drawn as a pure function of (seed, stream, step): a resumed run and another process draw the same ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TRAIN, VALID, START = 0, 1, 2
"""Streams of random numbers; batches of different streams are independent."""


class RowBatches:
    """Which of some rows make up a batch.

    Training goes through the rows in epochs: each epoch is a permutation of its own, so every row is seen equally often. A permutation
    is drawn whole from its epoch's number; none is carried from step to step.

    Parameters
    ----------
    indices : (rows,) int64 of what they may be drawn from
    seed : of the run
    batch_size : rows of a training batch
    """

    def __init__(self, indices: npt.NDArray[np.int64], *, seed: int, batch_size: int) -> None:
        self.indices = indices
        self.seed = seed
        self.batch_size = batch_size
        self._last: tuple[int, npt.NDArray[np.int64]] | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Batches that hold as many rows as there are."""
        return max(1, len(self.indices) // self.batch_size)

    def training(self, step: int) -> npt.NDArray[np.int64]:
        """Rows (batch_size,) of the training batch of a step."""
        first = step * self.batch_size
        places = np.arange(first, first + self.batch_size)
        epochs = places // len(self.indices)
        rows = np.empty(self.batch_size, np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            rows[here] = self._permutation(int(epoch))[places[here] % len(self.indices)]
        return self.indices[rows]

    def fixed(self, number: int, count: int) -> npt.NDArray[np.int64]:
        """Rows (count,) of a fixed batch: number 0 the first ones of one permutation, 1 the next, and over again."""
        order = generator(self.seed, VALID, 0).permutation(len(self.indices))
        return self.indices[order[np.arange(number * count, (number + 1) * count) % len(order)]]

    def start(self, count: int) -> npt.NDArray[np.int64]:
        """Rows for the data-dependent start, at most as many as there are."""
        order = generator(self.seed, START, 0).permutation(len(self.indices))
        return self.indices[order[:count]]

    def _permutation(self, epoch: int) -> npt.NDArray[np.int64]:
        if self._last is None or self._last[0] != epoch:
            self._last = epoch, generator(self.seed, TRAIN, epoch).permutation(len(self.indices))
        return self._last[1]


def generator(seed: int, stream: int, number: int) -> np.random.Generator:
    """Random numbers of one batch or epoch: Philox (Salmon et al. 2011) with key (seed, stream) and counter number * 2^192."""
    key = np.array([seed % 2**64, stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, number], dtype=np.uint64)))
