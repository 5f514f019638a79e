"""Batches made ahead of their step by a thread, in page-locked memory, while a GPU works."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from vqspeech.modality import Task
from vqspeech.training.batch_tensors import pinned

Place = tuple[int, int, int]
"""Arguments of `Task.batch`: step, first row, and distance of rows."""


class Ahead:
    """Makes the batch that a process needs after the one that it asks for.

    Batches are pure functions of their place, so they are the same as without the thread.

    Parameters
    ----------
    task : makes the batches
    rank, ranks : this process, which computes shares rank, rank + ranks, ... of each step
    steps : steps of the training
    """

    def __init__(self, task: Task, rank: int, ranks: int, steps: int) -> None:
        self._task, self._rank, self._ranks, self._steps = task, rank, ranks, steps
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._made: dict[Place, Future[Any]] = {}

    def __call__(self, step: int, first: int, shares: int) -> Any:
        """Return a share of a step's batch, page-locked, and begin to make the next one."""
        place = step, first, shares
        found = self._made.pop(place, None) or self._thread.submit(self._make, *place)
        following = first + self._ranks
        ahead = (step, following, shares) if following < shares else (step + 1, self._rank, shares)
        if ahead[0] < self._steps and ahead not in self._made:
            self._made = {ahead: self._thread.submit(self._make, *ahead)}
        return found.result()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _make(self, step: int, first: int, shares: int) -> Any:
        return pinned(self._task.batch(step, first, shares))
