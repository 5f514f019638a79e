"""What every modality must do (`vqspeech.training.task.Modality` and its `Task`), as checks."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from vqspeech.checkpoints.directory import CONFIG, WEIGHTS
from vqspeech.config import RunConfig, plain
from vqspeech.errors import VQSpeechError
from vqspeech.runs import RunDirectory
from vqspeech.testing.cases import parametrize
from vqspeech.training import run as runs
from vqspeech.training.processes import alone
from vqspeech.training.task import Task, step_generator
from vqspeech.training.trainer import Trainer

Setup = Callable[[Path], tuple[Mapping[str, Any], Path | None]]


@dataclass(frozen=True)
class ModalitySubject:
    """A registered modality and a small run of it.

    Parameters
    ----------
    name : registered
    setup : given an empty folder, writes data there; gives the values of a run (``corpus``, ``model``, ``train``) and the data folder or None
    """

    name: str
    setup: Setup

    @contextmanager
    def run(self) -> Iterator[tuple[RunConfig, Any, Path]]:
        """The checked configuration, the prepared store and a run directory, removed afterwards."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary).resolve()
            (folder / "data").mkdir()
            values, data_dir = self.setup(folder / "data")
            config = self.checked(values)
            yield config, runs.prepare(config, folder / "run", data_dir), folder / "run"

    def checked(self, values: Mapping[str, Any]) -> RunConfig:
        """The values as a configuration of this modality, on the CPU in 32 bits."""
        train: dict[str, Any] = {"steps": 4, "log_every": 1, "validate_every": 2, "checkpoint_every": 2, "keep_last": 9}
        train |= {"validation_batches": 1, "precision": "32-true", "accelerator": "cpu", **values.get("train", {})}
        return runs.checked({**values, "modality": self.name, "train": train})

    def task(self, config: RunConfig, store: Any) -> Task:
        """A task whose weights are a function of the configuration."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            return runs.modality(config).task(config, store)


def configuration(subject: ModalitySubject) -> None:
    """A checked configuration is complete, can be written as JSON and checked again; an unknown key of the model is an error that names it."""
    with subject.run() as (config, _, _):
        again = runs.checked(plain(config))
        assert plain(again) == plain(config), "checking a checked configuration changes it"
        values = plain(config)
        values["model"]["no_such_key"] = 1
        try:
            runs.checked(values)
        except VQSpeechError as error:
            assert "no_such_key" in str(error), f"the error for an unknown key does not name it: {error}"
        except Exception as error:
            raise AssertionError(f"an unknown key gives {type(error).__name__}: {error}; raise ConfigError") from error
        else:
            raise AssertionError("an unknown key of the model is accepted")


def stored_data(subject: ModalitySubject) -> None:
    """What `prepare` stored can be opened again, as the same data; the store knows the folder it came from."""
    with subject.run() as (config, store, run):
        opened = runs.modality(config).open(RunDirectory(run).store)
        one, two = subject.task(config, store), subject.task(config, opened)
        assert one.fingerprint and one.fingerprint == two.fingerprint, "the opened store has another fingerprint"
        assert isinstance(opened.corpus.root, Path), "store.corpus.root is not a Path"
        assert hasattr(opened.corpus, "skipped"), "store.corpus.skipped is missing"
        _same(one.batch(0, 0, 1), two.batch(0, 0, 1), "a batch of the opened store")


def batches(subject: ModalitySubject) -> None:
    """A batch is a function of the step alone; steps differ; validation batches are fixed; there is a batch to start with."""
    with subject.run() as (config, store, _):
        one, two = subject.task(config, store), subject.task(config, store)
        for step in (3, 0, 3):
            _same(one.batch(step, 0, 1), two.batch(step, 0, 1), f"the batch of step {step}")
        assert _tensors(one.batch(0, 0, 1)), "a batch holds no tensors (as attributes, or in a dataclass)"
        _same(one.validation_batch(0, 0, 1), one.validation_batch(0, 0, 1), "a validation batch")
        different = any(not _equal(one.batch(0, 0, 1), one.batch(step, 0, 1)) for step in range(1, 5))
        assert different, "five training batches in a row are the same"
        assert _tensors(one.start_batch().to(torch.device("cpu"))), "start_batch gives no tensors"
        assert one.steps_per_epoch >= 1 and one.samples_per_step >= 1


def shares(subject: ModalitySubject) -> None:
    """The shares of two processes are the rows 0::2 and 1::2 of the whole batch, and their losses sum up to its loss."""
    with subject.run() as (config, store, _):
        task = subject.task(config, store)
        whole = _tensors(task.batch(2, 0, 1))
        parts = [_tensors(task.batch(2, rank, 2)) for rank in (0, 1)]
        rows = config.train.batch_size
        per_row = [name for name, tensor in whole.items() if tensor.ndim and len(tensor) == rows]
        assert per_row, f"no tensor of the batch has {rows} rows (train.batch_size)"
        for name in per_row:
            for rank in (0, 1):
                assert torch.equal(parts[rank][name], whole[name][rank::2]), (
                    f"{name} of process {rank} of 2 is not rows {rank}::2 of the batch"
                )
        model: Any = task.model.eval()
        with torch.no_grad():
            total = model.loss(task.batch(2, 0, 1)).total
            summed = sum(model.loss(task.batch(2, rank, 2)).total for rank in (0, 1))
        assert torch.isclose(total, torch.as_tensor(summed), rtol=1e-3), (
            f"the losses of two shares sum up to {summed}, that of the whole batch is {total}: divide by what the whole batch counts"
        )


def loss(subject: ModalitySubject) -> None:
    """The loss is a finite scalar with gradients for every parameter; codes and mask have their shapes; evaluation changes nothing."""
    with subject.run() as (config, store, _):
        task = subject.task(config, store)
        model: Any = task.model
        model.train()
        model.start(task.start_batch(), step_generator(config.seed, -1))
        terms = model.loss(task.batch(0, 0, 1), step_generator(config.seed, 0))
        assert terms.total.ndim == 0 and torch.isfinite(terms.total), f"the loss is {terms.total}"
        assert model.criterion in terms.terms, (
            f"terms are {sorted(terms.terms)}; the criterion {model.criterion!r} must be among them"
        )
        assert not any(term.requires_grad for term in terms.terms.values()), "terms carry gradients; detach them"
        assert terms.codes.dtype == torch.int64 and terms.codes.ndim == 3, (
            "codes are not (batch, codebooks, time) int64"
        )
        assert terms.codes.shape[1] == len(task.codebook_sizes), (
            f"codes have {terms.codes.shape[1]} codebooks, codebook_sizes has {len(task.codebook_sizes)}"
        )
        assert terms.mask.dtype == torch.bool and terms.mask.shape == (terms.codes.shape[0], terms.codes.shape[2]), (
            "mask is not (batch, time) bool"
        )
        terms.total.backward()
        idle = [
            name for name, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None
        ]
        assert not idle, f"no gradient for {', '.join(idle[:3])} (several processes would wait for it)"
        model.update(step_generator(config.seed, 0))
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.eval()
        with torch.no_grad():
            first, second = (model.loss(task.validation_batch(0, 0, 1)).total for _ in range(2))
            shuffled = model.shuffled(task.validation_batch(0, 0, 1))
            assert shuffled is None or torch.isfinite(shuffled), (
                "shuffled is not finite; return None when there is nothing to shuffle"
            )
        assert torch.equal(first, second), "the loss in evaluation mode is random"
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor.nan_to_num(), before[name].nan_to_num()), f"evaluation changes {name}"


def resumption(subject: ModalitySubject) -> None:
    """Four steps in a row, and two, a stop and two more, end with the same bits; checkpoints are whole directories."""
    with subject.run() as (config, store, run):
        full = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=4))
        straight, broken = _Trained(subject, full, store, run / "a"), _Trained(subject, full, store, run / "b")
        straight.fit()
        broken.fit(stop_at=2)
        broken.fit()
        one, two = straight.weights(), broken.weights()
        assert one.keys() == two.keys()
        differ = [name for name in one if not torch.equal(one[name].nan_to_num(), two[name].nan_to_num())]
        assert not differ, f"after a stop and a resumption other weights in {', '.join(differ[:3])}"
        leftovers = [path.name for path in RunDirectory(run / "a").checkpoints.iterdir() if path.name.startswith(".")]
        assert not leftovers, f"half-written checkpoints stay behind: {leftovers}"


class _Stop(Exception):  # noqa: N818
    pass


class _Trained:
    """A run directory of a task that may be cut off before a step."""

    def __init__(self, subject: ModalitySubject, config: RunConfig, store: Any, directory: Path) -> None:
        self.subject, self.config, self.store, self.directory = subject, config, store, directory

    def fit(self, stop_at: int | None = None) -> None:
        runs.open_run(self.directory, self.config)
        task = self.subject.task(self.config, self.store)
        whole = task.batch

        def batch(step: int, rank: int, ranks: int) -> Any:
            if step == stop_at:
                raise _Stop
            return whole(step, rank, ranks)

        task.batch = batch  # type: ignore[method-assign]
        try:
            Trainer(self.config, self.directory, task, alone(self.config.train)).fit()
        except _Stop:
            return

    def weights(self) -> dict[str, torch.Tensor]:
        from safetensors.torch import load_file

        checkpoint = RunDirectory(self.directory).list_checkpoints()[-1]
        for name in (CONFIG, WEIGHTS):
            assert (checkpoint / name).is_file(), f"{checkpoint.name} has no {name}"
        return load_file(checkpoint / WEIGHTS)


def _tensors(batch: Any) -> dict[str, torch.Tensor]:
    values = batch if isinstance(batch, Mapping) else batch._asdict() if hasattr(batch, "_asdict") else vars(batch)
    return {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}


def _equal(one: Any, two: Any) -> bool:
    a, b = _tensors(one), _tensors(two)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def _same(one: Any, two: Any, what: str) -> None:
    assert _equal(one, two), f"{what} is not the same twice: make it a function of the seed and the step"


CHECKS: tuple[Callable[[Any], None], ...] = (configuration, stored_data, batches, shares, loss, resumption)
"""Every check, in the order in which pytest shows them."""


def modality_checks(
    name: str, setup: Setup, *, expected_failures: Mapping[str, str] | None = None
) -> pytest.MarkDecorator:
    """Parametrise a test over all checks of a modality::

        def setup(folder):
            ...  # write a little data into the folder
            return {"corpus": {...}, "model": {...}, "train": {...}}, folder

        @modality_checks("my-modality", setup)
        def test_my_modality_keeps_its_contract(check):
            check()

    Parameters
    ----------
    name : registered
    setup : given an empty folder, makes data; gives the tables of a run whose model trains a step in well under a second, and the data folder or None
    expected_failures : check -> reason; such a check must fail

    Raises
    ------
    UnknownNameError : an expected failure of a check that does not exist
    """
    return parametrize([ModalitySubject(name, setup)], CHECKS, expected_failures or {})
