"""The training loop: start or resume, step, log, validate, checkpoint, stop in good order."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqspeech.checkpoints.kept import Best, Checkpoints
from vqspeech.config import RunConfig
from vqspeech.errors import CheckpointError
from vqspeech.progress import Progress
from vqspeech.runs import RunDirectory
from vqspeech.training.means import StepMeans
from vqspeech.training.metrics import MetricsLog, Stopwatch
from vqspeech.training.optimiser import optimisers
from vqspeech.training.processes import Processes
from vqspeech.training.stopping import SAME_WISH_S, Interrupted, TrainingError, explained, noted_signals
from vqspeech.training.task import Task, step_generator
from vqspeech.training.usage import CodebookUsage
from vqspeech.training.weights import WeightAverage


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How training ended.

    Parameters
    ----------
    step : optimiser steps taken in all
    seconds : of training in all, over every resumption
    checkpoint : the last one
    """

    step: int
    seconds: float
    checkpoint: Path


def fit(config: RunConfig, run: Path, task: Task, processes: Processes) -> TrainResult:
    """Train to ``config.train.steps``, going on from the newest usable checkpoint of `run`; every process of the job calls this.

    Everything random is a function of (seed, step), so an interrupted and resumed run ends with the same bits as an uninterrupted one on
    the same machine. Each process works on its share of the same batch, in ``train.accumulate`` parts; the shares' losses sum up to that
    of the batch, so the number of processes and parts changes no more than the order of sums.

    Raises
    ------
    Interrupted : after SIGINT or SIGTERM, with a checkpoint saved
    TrainingError : when the loss is no longer finite, memory is too small, or another process has ended
    """
    return _Loop(config, run, task, processes).run()


class _Loop:
    def __init__(self, config: RunConfig, run: Path, task: Task, processes: Processes) -> None:
        self.config, self.train = config, config.train
        self.directory, self.task = RunDirectory(run), task
        self.processes, self.fabric = processes, processes.fabric
        self.checkpoints = Checkpoints(run, self.train.keep_last)
        self.model: Any = task.model
        self.forward: Any
        self.forward, *self.optimisers = self.fabric.setup(self.model, *optimisers(self.model, self.train))
        self.forward.mark_forward_method("loss")
        self.average = WeightAverage(self.model, self.train.weight_average)
        self.usage = CodebookUsage(task.codebook_sizes)
        self.means = StepMeans()
        self.step = -1  # before the data-dependent start
        self.best = Best()
        self.validated = -1, math.inf  # step and loss of the last validation
        self.elapsed = 0.0

    def run(self) -> TrainResult:
        with noted_signals(SAME_WISH_S if self.processes.count > 1 else 0.0) as caught:
            try:
                self._restore()
                events = self.directory.tensorboard if self.train.tensorboard else None
                log = MetricsLog(self.directory.metrics, self.step, events, writes=self.processes.is_first)
                try:
                    self._steps(log, caught)
                finally:
                    log.close()
            except RuntimeError as error:
                raise explained(error, self.train, self.step) from error
        seconds = log.seconds_before + self.elapsed
        return TrainResult(step=self.step, seconds=seconds, checkpoint=self.checkpoints.path(self.step))

    def _steps(self, log: MetricsLog, caught: list[int]) -> None:
        train, started = self.train, time.monotonic()
        progress = Progress("train", train.steps, self.step) if self.processes.is_first else None
        watch, before = Stopwatch(), self.step
        self.model.train()
        while self.step < train.steps:
            self._one_step()
            last = self.step == train.steps
            self.elapsed = time.monotonic() - started
            if last or self.step % train.log_every == 0:
                figures = self._figures()
                rate = (self.step - before) * self.task.samples_per_step / watch.seconds
                log.write(self._row("train", log) | figures | {"samples_per_second": rate})
                if progress is not None:
                    codes = f"  codes {figures['codes_used']:.0f}" if "codes_used" in figures else ""
                    said = f"nll {figures['nll_bits']:.3f} bit{codes}  {rate / 1e3:.0f}k samples/s"
                    progress.update(self.step, said)
                watch, before = Stopwatch(), self.step
            with watch.paused():
                if last or self.step % train.validate_every == 0:
                    log.write(self._row("valid", log) | self._validate())
                stop = self.processes.largest(
                    caught[0] if caught else 0
                )  # once: what comes while saving waits for the next step
                if last or self.step % train.checkpoint_every == 0 or stop:
                    self._save()
            if stop and not last:
                log.write(self._row("interrupted", log))
                raise self.processes.said_once(
                    Interrupted(
                        f"stopped by signal {stop} at step {self.step} of {train.steps}; saved {self.checkpoints.path(self.step)}. "
                        "Run the same command again to go on"
                    )
                )

    def _one_step(self) -> None:
        rank, shares = self.processes.rank, self.processes.count * self.train.accumulate
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        parts: list[dict[str, Tensor]] = []
        codes, masks = [], []
        for first in range(rank, shares, self.processes.count):
            generator = step_generator(self.config.seed, self.step)
            batch = self.task.batch(self.step, first, shares).to(self.fabric.device)
            on_its_own = (
                first + self.processes.count < shares
            )  # gradients meet those of other processes in the last part
            with self.fabric.no_backward_sync(self.forward, enabled=on_its_own):
                with self.fabric.autocast():  # a method other than forward gets none from Fabric in a single process
                    result = self.forward.loss(batch, generator)
                self.fabric.backward(
                    result.total * self.processes.count
                )  # DDP takes the mean over processes; shares sum up
            parts.append(result.terms)
            codes.append(result.codes)
            masks.append(result.mask)
        if self.train.gradient_clip > 0:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.train.gradient_clip)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * self._rate(self.step)
            optimiser.step()
        self.model.update(generator)
        self.step += 1
        self.average.update(self.step)
        self.usage.add(torch.cat(codes), torch.cat(masks))
        self.means.add({name: torch.stack([part[name] for part in parts]).sum() for name in parts[0]})

    def _rate(self, step: int) -> float:
        """The share of their peak that learning rates have at a step: linear warm-up, then half a cosine down."""
        train = self.train
        warm = min(1.0, (step + 1) / max(1, train.warmup_steps))
        floor = train.final_learning_rate_share
        decay = 0.5 * (1 + math.cos(math.pi * min(1.0, step / train.steps)))
        return warm * (floor + (1 - floor) * decay)

    def _row(self, split: str, log: MetricsLog) -> dict[str, Any]:
        return {"step": self.step, "split": split, "seconds": round(log.seconds_before + self.elapsed, 3)}

    def _figures(self) -> dict[str, float]:
        """Means over the steps since the last row, and codebook use over an epoch."""
        figures = _in_bits(self.means.over(self.processes).figures())
        figures |= {"learning_rate": self.train.learning_rate * self._rate(self.step)} | self.usage.over(
            self.processes
        ).figures()
        self._check_finite(figures)
        self.means = StepMeans()
        if self.usage.steps >= self.task.steps_per_epoch:
            self.usage.reset()
        return figures

    def _validate(self) -> dict[str, float]:
        """Loss on held-out crops with the averaged weights, beside the loss with codes shuffled across the batch.

        Each process takes whole batches in turn, since codes are shuffled within one.
        """
        usage, means = CodebookUsage(self.task.codebook_sizes), StepMeans()
        batches, ranks = self.train.validation_batches, self.processes.count
        self.model.eval()
        with torch.no_grad(), self.average.applied(), self.fabric.autocast():
            for number in range(self.processes.rank, math.ceil(batches / ranks) * ranks, ranks):
                counts = number < batches  # whoever is left over in the last turn takes part without counting
                batch = self.task.validation_batch(number % batches, 0, 1).to(self.fabric.device)
                result = self.model.loss(batch)
                usage.add(result.codes, result.mask & counts)
                shuffled = self.model.shuffled(batch)
                terms = (
                    result.terms if shuffled is None else {**result.terms, f"shuffled_{self.model.criterion}": shuffled}
                )
                means.add({name: value * counts for name, value in terms.items()})
        self.model.train()
        means.steps = batches
        figures = means.over(self.processes).figures()
        self.validated = self.step, figures[self.model.criterion]
        return _in_bits(figures) | usage.over(self.processes).figures()

    def _check_finite(self, figures: dict[str, float]) -> None:
        broken = [name for name, value in figures.items() if not math.isfinite(value)]
        if broken:
            raise self.processes.said_once(
                TrainingError(
                    f"{', '.join(broken)} no longer finite at step {self.step}; the last good checkpoint is kept. Lower "
                    f"train.learning_rate (now {self.train.learning_rate}) or train.gradient_clip (now {self.train.gradient_clip})"
                )
            )

    def _save(self) -> None:
        weights = self.model.state_dict()
        if not all(torch.isfinite(tensor).all() for tensor in weights.values()):
            raise self.processes.said_once(
                TrainingError(f"weights are no longer finite at step {self.step}; the last good checkpoint is kept")
            )
        path, (step, nll) = self.checkpoints.path(self.step), self.validated
        if step == self.step and nll < self.best.nll:
            self.best = Best(nll, path.name)
        state = {
            "step": self.step,
            "model": weights,
            "average": self.average.state_dict(),
            "optimizers": [optimiser.state_dict() for optimiser in self.optimisers],
            "usage": self.usage.over(self.processes).state_dict(),
            "means": self.means.over(self.processes).state_dict(),
            "best": self.best.nll,
            "best_name": self.best.name,
            "fingerprint": self.task.fingerprint,
        }

        def write() -> None:
            self.task.save(path, self.average.weights(), self.step, state)
            self.checkpoints.tidy(self.best)

        self.processes.first(write)

    def _restore(self) -> None:
        """Go on from the newest checkpoint that is whole, or make the data-dependent start."""

        def newest() -> Path | None:
            path = self.checkpoints.newest(self._take_up)
            self.checkpoints.tidy(self.best)
            return path

        path = self.processes.first(newest)
        if path is None:
            with self.fabric.autocast():  # every process makes the same start from the same crops
                self.model.start(self.task.start_batch().to(self.fabric.device), step_generator(self.config.seed, -1))
            self.step = 0
        elif not self.processes.is_first:
            self._take_up(path)
        self.processes.align(self.model)
        if path is None:
            self.average = WeightAverage(self.model, self.train.weight_average)

    def _take_up(self, path: Path) -> None:
        state, first = self.checkpoints.read(path, self.fabric.device), self.processes.is_first
        self.model.load_state_dict(state["model"], strict=True)
        self.average.load_state_dict(state["average"])
        for optimiser, held in zip(self.optimisers, state["optimizers"], strict=True):
            optimiser.load_state_dict(held)
        self.usage.load_state_dict(state["usage"], counts=first)
        self.means.load_state_dict(state.get("means", StepMeans().state_dict()), counts=first)
        if state.get("fingerprint", self.task.fingerprint) != self.task.fingerprint:
            raise CheckpointError(
                f"{self.directory.path} was trained on other data than its store now holds; give another --out, or start over with --fresh"
            )
        self.step, self.best = state["step"], Best(state["best"], state["best_name"])


def _in_bits(figures: dict[str, float]) -> dict[str, float]:
    """Negative log-likelihoods in bits per sample: ``nll`` becomes ``nll_bits``, ``shuffled_nll`` becomes ``shuffled_nll_bits``."""
    return {
        (f"{name}_bits" if name.endswith("nll") else name): (value / math.log(2) if name.endswith("nll") else value)
        for name, value in figures.items()
    }
