"""The contract of modalities, the kinds of data that models are trained on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vqspeech.config import RunConfig, TrainConfig, parse
from vqspeech.config.faults import Faults, without
from vqspeech.errors import ConfigError, InputError, PluginError
from vqspeech.registry import contracts, lookup
from vqspeech.registry.specs import ModalitySpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from vqspeech.codes import CodeTable

Report = Callable[[int, int], None]
"""Called with the numbers of finished and of all items."""


class Terms(Protocol):
    """Loss terms of a share of a batch; see `vqspeech.nn.batch.LossTerms`.

    `total` and `terms` are sums over the share, divided by what the whole batch counts: over all shares they sum to the
    batch's means.
    """

    total: Tensor
    terms: dict[str, Tensor]
    codes: Tensor
    mask: Tensor


class Task(Protocol):
    """A model and its data, ready to train; see `vqspeech.training.trainer.Trainer`.

    A task may have two more methods. ``optimisers(trainer)`` returns a dict of parameter group -> list of optimisers,
    for groups with optimisers of their own. ``step(trainer)`` makes one optimisation step in place of `Trainer.step`,
    which it may call.

    Attributes
    ----------
    model : a trainable model; see `vqspeech.modality.Trainable`
    codebook_sizes : number of codes of each codebook; empty for a model without codes
    steps_per_epoch : steps that draw as many samples as the data has
    samples_per_step : samples in a batch, for the rate in samples per second
    fingerprint : hash of the data; a run continues only with the same data
    """

    model: nn.Module
    codebook_sizes: tuple[int, ...]
    steps_per_epoch: int
    samples_per_step: int
    fingerprint: str

    def batch(self, step: int, rank: int, ranks: int) -> Any:
        """Make rows rank, rank + ranks, ... of the training batch of a step, a pure function of the step.

        These rows are the share of one process, or of a part of its work. The batch has ``to(device)``.
        """
        ...

    def validation_batch(self, number: int, rank: int, ranks: int) -> Any:
        """Make rows rank, rank + ranks, ... of a fixed held-out batch."""
        ...

    def start_batch(self) -> Any:
        """Make a large batch for the data-dependent start, the same on every process."""
        ...

    def save(self, directory: Path, weights: Mapping[str, Tensor], step: int, state: Mapping[str, Any]) -> None:
        """Write a checkpoint directory, whole or not at all."""
        ...


class Trainable(Protocol):
    """A trainable model of any modality; see `Task.model`.

    Optional methods: ``hidden_matrices() -> list[Parameter]`` (for the optimiser ``muon``) and ``parameter_groups() ->
    dict[str, list[Parameter]]``, groups beside ``"main"`` with a loss and an optimiser each. A model with such groups
    takes ``loss(batch, generator, group=NAME)``.

    Attributes
    ----------
    criterion : name of the term that compares checkpoints, and true with shuffled codes; lower is better. ``"nll"`` is
        in nats
    """

    criterion: str

    def loss(self, batch: Any, generator: torch.Generator | None = None) -> Terms:
        """Compute the loss of a batch; without a generator, in evaluation mode, it is not random."""
        ...

    def shuffled(self, batch: Any) -> Tensor | None:
        """Compute the criterion with the conditions of the next row; None without conditions."""
        ...

    def start(self, batch: Any, generator: torch.Generator) -> None:
        """Initialise what depends on data; called once before the first step."""
        ...

    def update(self, generator: torch.Generator) -> None:
        """Update state outside the gradient; called once after each step."""
        ...


class LoadedModel(Protocol):
    """A trained model, loaded for use; see `vqspeech.checkpoints.loaded.Loaded`."""

    @property
    def model(self) -> nn.Module:
        """The model, in evaluation mode."""
        ...

    @property
    def path(self) -> Path:
        """The checkpoint directory."""
        ...

    @property
    def step(self) -> int:
        """Optimiser steps taken."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """Contents of the checkpoint's config.json."""
        ...

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        ...

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes of each codebook; empty for a model without codes."""
        ...


class Modality(Protocol):
    """A kind of data: the target of a `vqspeech.registry.specs.ModalitySpec`.

    A modality whose `prepare` adds to a store that is in place, as that of speech adds F0, has a method
    ``complete(config, store, progress)`` that adds what is missing, called where a run has a store already.

    A modality with further keys of training has an attribute ``train_config``, a subclass of
    `vqspeech.config.TrainConfig` that adds them; ``config.train`` is then of that class.
    """

    def check(self, config: RunConfig) -> RunConfig:
        """Check the model values of a configuration and fill in their defaults."""
        ...

    def prepare(self, config: RunConfig, data_dir: Path | None, directory: Path, progress: Report | None) -> Any:
        """Decode a corpus once and store it under the directory; return the store."""
        ...

    def open(self, directory: Path) -> Any:
        """Open a store that `prepare` made; ``store.corpus`` has ``root`` and ``skipped``."""
        ...

    def task(self, config: RunConfig, store: Any) -> Task:
        """Build the model, with weights from torch's global generator, and its batches."""
        ...

    def load(self, path: Path, facts: Mapping[str, Any], device: torch.device | str) -> LoadedModel:
        """Load the model of a checkpoint directory, given the contents of its config.json.

        Raises
        ------
        CheckpointError : when it is damaged, or its weights do not fit its configuration
        """
        ...

    def encode(self, loaded: Any, inputs: Sequence[Path], *, progress: Report | None = None) -> CodeTable:
        """Encode files.

        Raises
        ------
        InputError : for a model that encodes nothing, such as a prior; so do `encode_store`, `decode` and `preview`
        """
        ...

    def encode_store(self, loaded: Any, store: Any, *, progress: Report | None = None) -> CodeTable:
        """Encode every row of the store of a run."""
        ...

    def decode(self, loaded: Any, table: CodeTable, out: Path, options: Mapping[str, Any]) -> list[Path]:
        """Decode codes into files of a folder, one per row; return their paths."""
        ...

    def preview(self, loaded: Any, table: CodeTable, path: Path) -> Path:
        """Write a picture or sound of some rows at `path`, with a suitable suffix; return its path."""
        ...


def modality(config: RunConfig) -> Modality:
    """Return the modality that a configuration names."""
    target: Modality = contracts.call(lookup.find(ModalitySpec, config.modality))
    return target


def checked(values: Mapping[str, Any]) -> RunConfig:
    """Make a complete configuration from plain values.

    Raises
    ------
    ConfigError : names every unknown key and every unusable value, those of the model too
    UnknownNameError : for a modality that is not registered
    """
    try:
        config = _parsed(values)
    except ConfigError as error:
        if error.keys:
            raise _with_others(error, values) from error
        raise
    return modality(config).check(config)


def _parsed(values: Mapping[str, Any]) -> RunConfig:
    """Parse a configuration, its table ``train`` by the class of its modality."""
    name, table = values.get("modality", RunConfig.modality), values.get("train", {})
    if not isinstance(name, str) or (kind := _train_config(name)) is TrainConfig or not isinstance(table, Mapping):
        return parse(RunConfig, values)
    faults = Faults()
    train: Any = {}
    with faults.caught():
        train = parse(kind, table, "train.")
    with faults.caught():
        config = parse(RunConfig, {**values, "train": train})
    if faults.errors:
        keys = [key for error in faults.errors for key in getattr(error, "keys", ())]
        raise ConfigError(" ".join(map(str, faults.errors)), keys=keys)
    return config


def _with_others(error: ConfigError, values: Mapping[str, Any]) -> ConfigError:
    """Return an error that also has the faults that the modality finds in the rest of the configuration."""
    try:
        config = _parsed(without(values, error.keys))
        modality(config).check(config)
    except InputError as other:
        # Defaults in the place of unusable values are not the user's.
        if not any(re.search(rf"\b{re.escape(key)}\b", str(other)) for key in error.keys):
            return ConfigError(f"{error} {other}", keys=error.keys)
    return error


def _train_config(name: str) -> type[TrainConfig]:
    """Return the class of the table ``train`` of a modality."""
    entry = lookup.find(ModalitySpec, name)
    config_class = getattr(contracts.call(entry), "train_config", TrainConfig)
    if not (isinstance(config_class, type) and issubclass(config_class, TrainConfig)):
        raise PluginError(
            f"{entry.title}: train_config is {config_class!r}, not a subclass of vqspeech.config.TrainConfig"
        )
    return config_class
