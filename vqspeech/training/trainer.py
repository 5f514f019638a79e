"""Train a task in a run directory: start or resume, step, log, validate, save."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from vqspeech.checkpoints.kept import Best, Checkpoints
from vqspeech.config import RunConfig
from vqspeech.errors import CheckpointError, PluginError
from vqspeech.modality import Task
from vqspeech.progress import Progress
from vqspeech.runs import RunDirectory
from vqspeech.training.draws import step_generator
from vqspeech.training.load import Load
from vqspeech.training.means import StepMeans
from vqspeech.training.metrics import MetricsLog, Stopwatch, in_bits, noted
from vqspeech.training.processes import Processes
from vqspeech.training.stepper import Pass, Stepper
from vqspeech.training.stopping import DUPLICATE_SIGNAL_S, TrainingError, deferred_signals, described, interrupted
from vqspeech.training.threads import busy_note, decoder_pieces
from vqspeech.training.train_state import require_state
from vqspeech.training.usage import CodebookUsage
from vqspeech.training.weights import WeightAverage


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How training ended.

    Parameters
    ----------
    step : optimiser steps taken, over every resumption
    seconds : seconds of training, over every resumption
    checkpoint : directory of the last checkpoint
    """

    step: int
    seconds: float
    checkpoint: Path


class Trainer(Stepper):
    """Trains the model of a task in a run directory; every process of a job has one.

    Everything random is a function of (seed, step), so an interrupted and resumed run ends with the same bits as an
    uninterrupted one on the same machine. Each process works on its share of the same batch, in ``train.accumulate``
    parts; the losses of shares sum to that of the batch, so the number of processes and parts changes only the order
    of sums.

    To extend it: a task replaces the step (`Stepper`) or the optimisers; a subclass overrides `step`, `validate`,
    `save` or `state_dict` with `load_state_dict`.

    Parameters
    ----------
    config : checked configuration of the run
    run : the run directory, opened by `vqspeech.runs.open_run`
    task : model and data
    processes : processes of this job

    Attributes
    ----------
    run : layout of the run directory
    average : moving average of the trainable parameters
    criterion : name of the term that is compared between checkpoints
    validated : step and criterion of the last validation
    steps : optimiser steps taken; -1 before the data-dependent start
    """

    def __init__(self, config: RunConfig, run: Path, task: Task, processes: Processes) -> None:
        super().__init__(config, task, processes)
        self.run = RunDirectory(run)
        self.steps = -1
        self.criterion: str = getattr(self.model, "criterion", "")
        if not self.criterion:
            raise PluginError(f"{type(self.model).__name__} has no criterion, the name of a term of its loss")
        self.checkpoints = Checkpoints(run, self.train.keep_last)
        self.average = WeightAverage(self.model, self.train.weight_average)
        self.validated = -1, math.inf
        self._best = Best(self.criterion)
        self._usage, self._means = CodebookUsage(task.codebook_sizes), StepMeans()
        self._elapsed, self._machine = 0.0, Load()

    def fit(self) -> TrainResult:
        """Train to ``config.train.steps`` from the newest usable checkpoint, or from the start.

        Raises
        ------
        Interrupted : after SIGINT or SIGTERM, with a checkpoint saved
        TrainingError : when the loss is no longer finite, memory is too small, or another process has ended
        """
        with deferred_signals(DUPLICATE_SIGNAL_S if self.processes.count > 1 else 0.0) as caught:
            try:
                self.restore()
                events = self.run.tensorboard if self.train.tensorboard else None
                log = MetricsLog(self.run.metrics, self.steps, events, writes=self.processes.is_first)
                try:
                    self._fit(log, caught)
                finally:
                    log.close()
            except (RuntimeError, MemoryError) as error:
                raise described(error, self.train, self.steps) from error
            finally:
                self.close()
        seconds = log.seconds_before + self._elapsed
        return TrainResult(step=self.steps, seconds=seconds, checkpoint=self.run.checkpoint(self.steps))

    def validate(self) -> dict[str, float]:
        """Compute the figures of held-out batches with the averaged weights, and set `validated`.

        The criterion with shuffled codes is recorded as well. Each process takes whole batches in turn, since
        codes are shuffled within one.
        """
        usage, means = CodebookUsage(self.task.codebook_sizes), StepMeans()
        batches, ranks = self.train.validation_batches, self.processes.count
        self.model.eval()
        with torch.no_grad(), self.average.applied(), self.fabric.autocast():
            for number in range(self.processes.rank, math.ceil(batches / ranks) * ranks, ranks):
                # A process without a batch in the last turn takes part without counting.
                counts = number < batches
                batch = self.task.validation_batch(number % batches, 0, 1).to(self.fabric.device)
                result = self.model.loss(batch)
                self._require_criterion(result.terms)
                shuffled = self.model.shuffled(batch)
                usage.add(result.codes, result.mask & counts)
                terms = result.terms if shuffled is None else {**result.terms, f"shuffled_{self.criterion}": shuffled}
                means.add({name: value * counts for name, value in terms.items()})
        self.model.train()
        means.steps = batches
        figures = means.over(self.processes).figures()
        self.validated = self.steps, figures[self.criterion]
        return in_bits(figures) | usage.over(self.processes).figures()

    def save(self) -> None:
        """Write the checkpoint of this step, and delete those that are no longer kept.

        Raises
        ------
        TrainingError : when a weight is not finite
        """
        if not all(torch.isfinite(tensor).all() for tensor in self.model.state_dict().values()):
            self._fail("weights are")
        path, (step, value) = self.run.checkpoint(self.steps), self.validated
        if step == self.steps and value < self._best.value:
            self._best = Best(self.criterion, value, path.name)
        state = self.state_dict()

        def write() -> None:
            self.task.save(path, self.average.weights(), self.steps, state)
            self.checkpoints.tidy(self._best)

        self.processes.first(write)

    def restore(self) -> None:
        """Continue from the newest checkpoint that is whole, or make the data-dependent start."""

        def newest() -> Path | None:
            path = self.checkpoints.newest(self._load)
            self.checkpoints.tidy(self._best)
            return path

        path = self.processes.first(newest)
        if path is None:
            # Every process makes the same start from the same batch.
            with self.fabric.autocast():
                self.model.start(self.task.start_batch().to(self.fabric.device), step_generator(self.config.seed, -1))
            self.steps = 0
        elif not self.processes.is_first:
            self._load(path)
        self.processes.align(self.model)
        if path is None:
            self.average = WeightAverage(self.model, self.train.weight_average)

    def state_dict(self) -> dict[str, Any]:
        """Collect what training needs to continue exactly, over all processes."""
        return {
            "step": self.steps,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": self.optimiser_states(),
            "usage": self._usage.over(self.processes).state_dict(),
            "means": self._means.over(self.processes).state_dict(),
            "best": self._best.value,
            "best_name": self._best.name,
            "best_criterion": self._best.criterion,
            "fingerprint": self.task.fingerprint,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` collected, in this release or an earlier one.

        Raises
        ------
        CheckpointError : when it was trained on other data
        """
        self.model.load_state_dict(state["model"], strict=True)
        self.average.load_state_dict(state["average"])
        self.load_optimiser_states(state["optimizers"])
        self._usage.load_state_dict(state["usage"], counts=self.processes.is_first)
        self._means.load_state_dict(state.get("means", StepMeans().state_dict()), counts=self.processes.is_first)
        if state.get("fingerprint", self.task.fingerprint) != self.task.fingerprint:
            raise CheckpointError(
                f"{self.run.path} was trained on other data than its store now holds, or on codes of another model; "
                "give another --out, or start over with --fresh"
            )
        self.steps = state["step"]
        if state.get("best_criterion", "nll") == self.criterion:
            self._best = Best(self.criterion, state["best"], state["best_name"])

    def _load(self, path: Path) -> None:
        """Continue from a checkpoint; raise an error for an intact one that does not fit."""
        state = self.checkpoints.read(path, self.fabric.device)
        try:
            require_state(state, self.model, self.train.steps, self.task.codebook_sizes)
            self.load_state_dict(state)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{path} does not fit the model: {' '.join(str(error).split())}. The code of a plugin may have "
                "changed: install the version that trained it, give another --out, or start over with --fresh"
            ) from error

    def _fit(self, log: MetricsLog, caught: list[int]) -> None:
        train, started = self.train, time.monotonic()
        progress = Progress("train", train.steps, self.steps) if self.processes.is_first else None
        watch, before = Stopwatch(), self.steps
        self.model.train()
        while self.steps < train.steps:
            self._count(*self._advance())
            last = self.steps == train.steps
            self._elapsed = time.monotonic() - started
            if last or self.steps % train.log_every == 0:
                figures = self._figures()
                rate = (self.steps - before) * self.task.samples_per_step / watch.seconds
                log.write(self._row("train", log) | figures | {"samples_per_second": rate})
                if progress is not None:
                    progress.update(self.steps, noted(self.criterion, figures, rate) + self._busy_note())
                watch, before = Stopwatch(), self.steps
            with watch.paused():
                if last or self.steps % train.validate_every == 0:
                    log.write(self._row("valid", log) | self.validate())
                # Read once: a signal that comes while saving waits for the next step.
                stop = self.processes.largest(caught[0] if caught else 0)
                if last or self.steps % train.checkpoint_every == 0 or stop:
                    self.save()
            if stop and not last:
                log.write(self._row("interrupted", log))
                stopped = interrupted(stop, self.steps, train.steps, self.run.checkpoint(self.steps))
                raise self.processes.shared_error(stopped)

    def _count(self, terms: dict[str, Tensor], passes: list[Pass]) -> None:
        """Follow the weights after a step, and count its terms and codes."""
        self.average.update(self.steps)
        if passes:
            self._usage.add(torch.cat([each.codes for each in passes]), torch.cat([each.mask for each in passes]))
        self._means.add(terms)

    def _figures(self) -> dict[str, float]:
        """Return means over the steps since the last row, and codebook use over an epoch."""
        figures = in_bits(self._means.over(self.processes).figures())
        figures["learning_rate"] = self.train.learning_rate * self.learning_rate_share
        figures |= self._usage.over(self.processes).figures()
        if broken := [name for name, value in figures.items() if not math.isfinite(value)]:
            rate, clip = self.train.learning_rate, self.train.gradient_clip
            remedy = f"Lower train.learning_rate (now {rate}) or train.gradient_clip (now {clip})"
            self._fail(f"{', '.join(broken)} is", f". {remedy}")
        self._means = StepMeans()
        if self._usage.steps >= self.task.steps_per_epoch:
            self._usage.reset()
        return figures

    def _row(self, split: str, log: MetricsLog) -> dict[str, Any]:
        return {"step": self.steps, "split": split, "seconds": round(log.seconds_before + self._elapsed, 3)}

    def _busy_note(self) -> str:
        if self.processes.count > 1 or self.fabric.device.type != "cpu":
            return ""
        return busy_note(self._machine, torch.get_num_threads(), decoder_pieces(self.train, self.model))

    def _require_criterion(self, terms: dict[str, Tensor]) -> None:
        if self.criterion not in terms:
            raise PluginError(
                f"{type(self.model).__name__}.loss has no term {self.criterion!r}, its criterion; "
                f"it has {', '.join(sorted(terms))}"
            )

    def _fail(self, what: str, remedy: str = "") -> NoReturn:
        """Raise the error of values that are not finite, with the last checkpoint."""
        kept = self.run.list_checkpoints()
        left = f"the last checkpoint, {kept[-1].name}, is kept" if kept else "there is no checkpoint yet"
        raise self.processes.shared_error(
            TrainingError(f"{what} no longer finite at step {self.steps}; {left}{remedy}")
        )
