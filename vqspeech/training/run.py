"""A run directory from a configuration: prepare the data, build the model, train; used by the command line and by recipes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from vqspeech.config import RunConfig, differences, merge, parse, plain
from vqspeech.errors import CheckpointError, InputError
from vqspeech.files import write_json
from vqspeech.progress import Progress
from vqspeech.registry import contracts, lookup
from vqspeech.registry.specs import ModalitySpec
from vqspeech.runs import RunDirectory
from vqspeech.training.loop import TrainResult, fit
from vqspeech.training.processes import Processes, alone
from vqspeech.training.task import Modality

FREE_KEYS = frozenset(
    f"train.{name}"
    for name in ("log_every", "validate_every", "validation_batches", "checkpoint_every", "keep_last", "tensorboard",
                 "accelerator", "devices", "nodes", "accumulate", "compile")
)  # fmt: skip
"""Keys that may change when a run goes on: what is logged and kept, how a batch is divided and computed; none changes more than rounding."""


def modality(config: RunConfig) -> Modality:
    """The modality that a configuration names."""
    found: Modality = contracts.call(lookup.find(ModalitySpec, config.modality))
    return found


def checked(values: dict[str, Any]) -> RunConfig:
    """A checked and completed configuration from plain values; see `vqspeech.config.parse`."""
    config = parse(RunConfig, values)
    return modality(config).check(config)


def claim(run: Path, config: RunConfig) -> None:
    """Make `run` the directory of a configuration, or see that it already is.

    Raises
    ------
    CheckpointError : when it is the directory of another configuration; names the differing keys
    """
    path = RunDirectory(run).config
    wanted = plain(config)
    if path.exists():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CheckpointError(
                f"{path} is damaged: {error}; start over with --fresh, or use another directory"
            ) from error
        there = merge(plain(RunConfig()), there)  # keys that did not exist when the run was made had their defaults
        changed = [
            line
            for line in differences(there, merge(plain(RunConfig()), wanted))
            if line.split(":")[0] not in FREE_KEYS
        ]
        if changed:
            raise CheckpointError(
                f"{run} was made with another configuration: {'; '.join(changed)}. "
                "Give another --out, undo the change, or start over with --fresh"
            )
    run.mkdir(parents=True, exist_ok=True)
    write_json(path, wanted)


def open_run(run: Path, config: RunConfig, *, fresh: bool = False) -> None:
    """Make `run` the directory of a configuration, or go on with it.

    Raises
    ------
    InputError : when it is a file, or a folder with something else in it
    CheckpointError : when it was made with another configuration
    """
    if run.exists() and not run.is_dir():
        raise InputError(f"{run} is a file; --out needs a directory")
    if run.is_dir() and not RunDirectory(run).config.exists() and any(run.iterdir()):
        raise InputError(f"{run} holds files but no run of vqspeech; give an empty or a new directory as --out")
    if fresh:
        RunDirectory(run).clear()
    claim(run, config)


def prepare(config: RunConfig, run: Path, data_dir: Path | None) -> Any:
    """The run's store, made when it is not there.

    Raises
    ------
    CheckpointError : when the store there was made from another folder
    """
    directory = RunDirectory(run).store
    kind = modality(config)
    if directory.exists():
        store = kind.open(directory)
        root = store.corpus.root
        if data_dir is not None:
            given = data_dir.expanduser().absolute()
            if given != root and given not in root.parents and root not in given.parents:
                raise CheckpointError(
                    f"{run} holds data of {root}, not of {given}; give another --out, or start over with --fresh"
                )
        return store
    progress: Progress | None = None

    def show(done: int, total: int) -> None:
        nonlocal progress
        progress = progress or Progress("prepare", total)
        progress.update(done)

    return kind.prepare(config, data_dir, directory, show)


def prepare_once(config: RunConfig, run: Path, data_dir: Path | None, processes: Processes) -> Any:
    """The run's store as from `prepare`, made by the first process while the others wait."""
    if processes.count > 1:
        processes.first(lambda: bool(prepare(config, run, data_dir)))
    return prepare(config, run, data_dir)


def train(config: RunConfig, run: Path, store: Any, processes: Processes | None = None) -> TrainResult:
    """Train, or go on training, in a run directory that `open_run` has opened.

    Parameters
    ----------
    config, run : checked; its directory
    store : what `prepare` gave
    processes : of this job, each of which calls this; None for this one alone
    """
    processes = processes or alone(config.train)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        task = modality(config).task(config, store)
    return fit(config, run, task, processes)
