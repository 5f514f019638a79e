"""The functions that train a run, in order: `checked`, `open_run`, `prepare` and `train`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from vqspeech.config import RunConfig
from vqspeech.modality import checked as checked
from vqspeech.modality import modality as modality
from vqspeech.runs import RunDirectory, locked
from vqspeech.runs import open_run as open_run
from vqspeech.runs import prepare as prepare
from vqspeech.training.load import Load
from vqspeech.training.processes import Processes, alone
from vqspeech.training.threads import decoder_pieces, fitted_threads
from vqspeech.training.trainer import Trainer, TrainResult


@contextmanager
def locked_once(run: Path, processes: Processes) -> Iterator[None]:
    """Lock a run within the block, for all processes of the job; see `vqspeech.runs.locked`."""
    with ExitStack() as stack:
        processes.first(lambda: stack.enter_context(locked(run)))
        yield


def prepare_once(config: RunConfig, run: Path, data_dir: Path | None, processes: Processes) -> Any:
    """Open or prepare the store of a run, in the first process only."""
    if processes.count > 1:
        processes.first(lambda: bool(prepare(config, run, data_dir)))
    return prepare(config, run, data_dir)


def train(config: RunConfig, run: Path, store: Any, processes: Processes | None = None) -> TrainResult:
    """Train, or continue training, in a run directory that `vqspeech.runs.open_run` has opened.

    Parameters
    ----------
    config, run : checked; its directory
    store : store from `vqspeech.runs.prepare`
    processes : processes of this job, each of which calls this; None for a single process

    Raises
    ------
    RunInUseError : when another job trains in this directory
    """
    processes, load = processes or alone(config.train), Load()
    with locked_once(run, processes):
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            task = modality(config).task(config, store)
        with ExitStack() as stack:
            if processes.count == 1 and processes.fabric.device.type == "cpu":
                pieces = decoder_pieces(config.train, task.model)
                stack.enter_context(fitted_threads(RunDirectory(run).threads, load, pieces))
            return Trainer(config, run, task, processes).fit()
