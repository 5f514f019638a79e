"""What the training loop asks of a modality."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from vqspeech.config import RunConfig


class Terms(Protocol):
    """What a model's loss gives for a share of a batch; see `vqspeech.nn.batch.LossTerms`.

    `total` and `terms` are sums over the share, divided by what the whole batch counts: over all shares they sum up to the batch's means.
    """

    total: Tensor
    terms: dict[str, Tensor]
    codes: Tensor
    mask: Tensor


class Task(Protocol):
    """A model and its data, ready for the loop.

    The model is a module with ``loss(batch, generator) -> Terms``, ``criterion`` (name of the term that checkpoints are compared by, lower
    is better), ``shuffled(batch) -> Tensor | None`` (the criterion when each row gets the codes or conditions of the next one; None when
    there is nothing to shuffle), ``start(batch, generator)`` and ``update(generator)``. Batches are pure functions of the step and have ``to(device)``. A model without codes, such as a continuous VAE,
    has no `codebook_sizes`, and its codes are (batch, 0, time).
    """

    model: nn.Module
    codebook_sizes: tuple[int, ...]
    steps_per_epoch: int
    samples_per_step: int
    fingerprint: str

    def batch(self, step: int, rank: int, ranks: int) -> Any:
        """Rows rank, rank + ranks, ... of the training batch of a step: the share of one process, or of one part of its work."""
        ...

    def validation_batch(self, number: int, rank: int, ranks: int) -> Any:
        """Rows rank, rank + ranks, ... of a fixed held-out batch."""
        ...

    def start_batch(self) -> Any:
        """A large batch for the data-dependent start, the same on every process."""
        ...

    def save(self, directory: Path, weights: Mapping[str, Tensor], step: int, state: Mapping[str, Any]) -> None:
        """Write a checkpoint directory, whole or not at all."""
        ...


class Modality(Protocol):
    """A kind of data: the target of a `vqspeech.registry.specs.ModalitySpec`."""

    def check(self, config: RunConfig) -> RunConfig:
        """The configuration with its model values checked and completed."""
        ...

    def prepare(
        self, config: RunConfig, data_dir: Path | None, directory: Path, progress: Callable[[int, int], None] | None
    ) -> Any:
        """The corpus, decoded once and stored under the directory."""
        ...

    def open(self, directory: Path) -> Any:
        """A store that `prepare` made."""
        ...

    def task(self, config: RunConfig, store: Any) -> Task:
        """Model and batches; weights are drawn from torch's global generator."""
        ...


def step_generator(seed: int, step: int) -> torch.Generator:
    """Randomness inside the model at a step (jitter, revival): a function of (seed, step) only, the same on every process."""
    mixed = (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + 1) % 2**63
    return torch.Generator().manual_seed(mixed)
