"""A run directory from a configuration: prepare the data, build the model, train; used by the command line and by recipes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch

from vqspeech.config import RunConfig, parse
from vqspeech.errors import CheckpointError, InputError
from vqspeech.registry import lookup
from vqspeech.training.loop import TrainResult, claim, fit
from vqspeech.training.metrics import Progress
from vqspeech.training.task import Modality

MADE_HERE = ("config.json", "store", "checkpoints", "metrics.jsonl", "tensorboard", "codes.parquet", "stages", "listening",
             "report", "results.json")  # fmt: skip
"""What a run directory holds; starting over deletes these and nothing else."""


def modality(config: RunConfig) -> Modality:
    """The modality that a configuration names."""
    found: Modality = lookup.get("modality", config.modality)()
    return found


def checked(values: dict[str, Any]) -> RunConfig:
    """A checked and completed configuration from plain values; see `vqspeech.config.parse`."""
    config = parse(RunConfig, values)
    return modality(config).check(config)


def open_run(run: Path, config: RunConfig, *, fresh: bool = False) -> None:
    """Make `run` the directory of a configuration, or go on with it.

    Raises
    ------
    InputError : when it is a file, or a folder with something else in it
    CheckpointError : when it was made with another configuration
    """
    if run.exists() and not run.is_dir():
        raise InputError(f"{run} is a file; --out needs a directory")
    if run.is_dir() and not (run / "config.json").exists() and any(run.iterdir()):
        raise InputError(f"{run} holds files but no run of vqspeech; give an empty or a new directory as --out")
    if fresh:
        for name in MADE_HERE:
            path = run / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    claim(run, config)


def prepare(config: RunConfig, run: Path, data_dir: Path | None) -> Any:
    """The run's store, made when it is not there.

    Raises
    ------
    CheckpointError : when the store there was made from another folder
    """
    directory = run / "store"
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


def train(config: RunConfig, run: Path, store: Any) -> TrainResult:
    """Train, or go on training, in a run directory that `open_run` has opened."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        task = modality(config).task(config, store)
    return fit(config, run, task)
