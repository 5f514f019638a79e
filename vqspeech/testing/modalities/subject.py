"""A modality under check, small runs of it, and how batches are compared."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vqspeech import runs
from vqspeech.checkpoints.directory import CONFIG, WEIGHTS
from vqspeech.config import RunConfig
from vqspeech.modality import Modality, Task, checked, modality
from vqspeech.training.processes import alone
from vqspeech.training.trainer import Trainer

Setup = Callable[[Path], tuple[Mapping[str, Any], Path | None]]


@dataclass(frozen=True)
class ModalitySubject:
    """A registered modality and a small run of it.

    Parameters
    ----------
    name : registered
    setup : given an empty folder, writes data there; gives the values of a run (``corpus``, ``model``, ``train``) and
        the data folder or None
    """

    name: str
    setup: Setup

    @contextmanager
    def run(self) -> Iterator[tuple[RunConfig, Any, Path]]:
        """Give the checked configuration, the prepared store and a run directory, removed afterwards."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary).resolve()
            (folder / "data").mkdir()
            values, data_dir = self.setup(folder / "data")
            config = self.checked(values)
            yield config, runs.prepare(config, folder / "run", data_dir), folder / "run"

    def checked(self, values: Mapping[str, Any]) -> RunConfig:
        """Make a configuration of this modality, on the CPU in 32 bits."""
        train: dict[str, Any] = {"steps": 4, "log_every": 1, "validate_every": 2, "checkpoint_every": 2, "keep_last": 9}
        train |= {"validation_batches": 1, "precision": "32-true", "accelerator": "cpu", **values.get("train", {})}
        return checked({**values, "modality": self.name, "train": train})

    def modality(self, config: RunConfig) -> Modality:
        """Make the modality."""
        return modality(config)

    def task(self, config: RunConfig, store: Any) -> Task:
        """Make a task whose weights are a function of the configuration."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            return modality(config).task(config, store)

    def train(self, config: RunConfig, store: Any, run: Path, stop_at: int | None = None) -> Path:
        """Train in a run directory, or continue, and return the last checkpoint.

        Parameters
        ----------
        stop_at : stop before this step, as a killed process does
        """
        runs.open_run(run, config)
        task = self.task(config, store)
        whole = task.batch

        def batch(step: int, rank: int, ranks: int) -> Any:
            if step == stop_at:
                raise _Stop
            return whole(step, rank, ranks)

        task.batch = batch  # type: ignore[method-assign]
        with suppress(_Stop):
            Trainer(config, run, task, alone(config.train)).fit()
        return runs.RunDirectory(run).list_checkpoints()[-1]


class _Stop(Exception):  # noqa: N818
    pass


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a checkpoint, which must be a whole directory."""
    from safetensors.torch import load_file

    for name in (CONFIG, WEIGHTS):
        assert (checkpoint / name).is_file(), f"{checkpoint.name} has no {name}"
    return load_file(checkpoint / WEIGHTS)


def tensors(batch: Any) -> dict[str, torch.Tensor]:
    """Return the tensors of a batch: a mapping, a named tuple, or an object with attributes."""
    values = batch if isinstance(batch, Mapping) else batch._asdict() if hasattr(batch, "_asdict") else vars(batch)
    return {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}


def equal(one: Any, two: Any) -> bool:
    """Whether two batches hold the same tensors."""
    a, b = tensors(one), tensors(two)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def require_same(one: Any, two: Any, what: str) -> None:
    """Raise `AssertionError` unless two batches hold the same tensors."""
    assert equal(one, two), f"{what} is not the same twice: make it a function of the seed and the step"
