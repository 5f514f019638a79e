"""Priors that are trained at the same time, each by a process of its own where there are cores for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from functools import partial
from io import TextIOBase
from typing import TextIO

import torch

from vqspeech.config import RunConfig
from vqspeech.corpora.code_store import CodeStore
from vqspeech.corpora.workers import over_processes
from vqspeech.experiments import say
from vqspeech.runs import RunDirectory
from vqspeech.training import run as runs
from vqspeech.training.load import available_cores
from vqspeech.training.trainer import TrainResult
from vqspeech_video.recipes.doom.settings import PRIOR

STEPS_OF_A_PROCESS = 100
"""Steps from which on another process is worth its start of a few seconds."""


def train_together(run: RunDirectory, priors: Mapping[str, RunConfig]) -> Iterator[TrainResult]:
    """Train priors on the codes of a run, each in the run directory of its name below it; yield results in turn.

    On a CPU each has a process: small batches, which learn more from each frame, leave threads little to divide.

    Parameters
    ----------
    run : the recipe's run
    priors : name -> checked configuration
    """
    cores, steps = len(available_cores()), max(config.train.steps for config in priors.values())
    processes = 1 if torch.cuda.is_available() or steps < STEPS_OF_A_PROCESS else min(cores, len(priors))
    threads = max(1, cores // processes) if processes > 1 else None
    yield from over_processes(partial(_train, run, threads), priors.items(), processes, what="the training of a prior")


def _train(run: RunDirectory, threads: int | None, named: tuple[str, RunConfig]) -> TrainResult:
    name, config = named
    store = CodeStore.open(run.below(PRIOR).store)
    if threads is None:
        say(name)
        return runs.train(config, run.below(name).path, store)
    torch.set_num_threads(min(threads, torch.get_num_threads()))
    with redirect_stderr(_Labelled(name, sys.stderr)):
        return runs.train(config, run.below(name).path, store)


class _Labelled(TextIOBase):
    """A stream whose lines begin with a name."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self.name, self.stream, self._rest = name, stream, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        self.stream.write("".join(f"{self.name}: {line}\n" for line in lines))
        return len(text)

    def flush(self) -> None:
        self.stream.flush()
