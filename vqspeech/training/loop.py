"""The training loop: start or resume, step, log, validate, checkpoint, stop in good order."""

from __future__ import annotations

import json
import logging
import math
import pickle
import shutil
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqspeech.config import RunConfig, TrainConfig, differences, merge, plain
from vqspeech.errors import CheckpointError, VQSpeechError
from vqspeech.training.metrics import MetricsLog, Progress
from vqspeech.training.task import Task, step_generator
from vqspeech.training.usage import CodebookUsage
from vqspeech.training.weights import WeightAverage

FREE_KEYS = frozenset(
    f"train.{name}"
    for name in ("log_every", "validate_every", "validation_batches", "checkpoint_every", "keep_last", "tensorboard",
                 "accelerator", "devices", "nodes")
)  # fmt: skip
"""Keys that may change when a run goes on: they change what is said and kept, not what is learned."""


class TrainingError(VQSpeechError):
    """Training that cannot go on (exit code 1)."""


class Interrupted(TrainingError):  # noqa: N818
    """Training stopped by a signal after saving (exit code 130, as for Ctrl-C)."""

    exit_code = 130


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


def claim(run: Path, config: RunConfig) -> None:
    """Make `run` the directory of a configuration, or see that it already is.

    Raises
    ------
    CheckpointError : when it is the directory of another configuration; names the differing keys
    """
    path = run / "config.json"
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
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def fit(config: RunConfig, run: Path, task: Task) -> TrainResult:
    """Train to ``config.train.steps``, going on from the newest usable checkpoint of `run`.

    Everything random is a function of (seed, step), so an interrupted and resumed run ends with the same bits as an uninterrupted one on
    the same machine.

    Raises
    ------
    Interrupted : after SIGINT or SIGTERM, with a checkpoint saved
    TrainingError : when the loss is no longer finite
    """
    return _Loop(config, run, task).run()


class _Loop:
    def __init__(self, config: RunConfig, run: Path, task: Task) -> None:
        from lightning_fabric import Fabric

        self.config, self.train = config, config.train
        self.directory, self.task = run, task
        train = config.train
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells the precision at every start
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.fabric = Fabric(
                accelerator=train.accelerator,
                devices=train.devices,
                num_nodes=train.nodes,
                precision=_precision(train),
            )
            self.fabric.launch()
        self.model: Any = task.model
        optimizer = torch.optim.Adam(self.model.parameters(), lr=train.learning_rate)
        self.forward: Any
        self.forward, self.optimizer = self.fabric.setup(self.model, optimizer)
        self.forward.mark_forward_method("loss")
        self.average = WeightAverage(self.model, train.weight_average)
        self.usage = CodebookUsage(task.codebook_sizes)
        self.step = 0
        self.best = math.inf
        self.best_name: str | None = None
        self.validated = -1, math.inf  # step and loss of the last validation

    @property
    def root(self) -> Path:
        return self.directory / "checkpoints"

    def run(self) -> TrainResult:
        with _signals() as stopping:
            self._restore()
            writes = self.fabric.is_global_zero
            log = MetricsLog(self.directory / "metrics.jsonl", self.step, self.train.tensorboard, writes=writes)
            try:
                self._steps(log, stopping)
            finally:
                log.close()
            seconds = log.seconds_before + self.elapsed
        return TrainResult(step=self.step, seconds=seconds, checkpoint=self._name(self.step))

    def _steps(self, log: MetricsLog, stopping: list[int]) -> None:
        train, started = self.train, time.monotonic()
        self.elapsed = 0.0
        progress = Progress("train", train.steps, self.step)
        sums: dict[str, Tensor] = {}
        counted, mark = 0, time.monotonic()
        self.model.train()
        while self.step < train.steps:
            terms = self._one_step()
            for name, value in terms.items():
                sums[name] = sums.get(name, torch.zeros_like(value)) + value
            counted += 1
            last = self.step == train.steps
            self.elapsed = time.monotonic() - started
            if last or self.step % train.log_every == 0:
                row = self._row("train", log) | {name: (value / counted).item() for name, value in sums.items()}
                rate = counted * self.task.samples_per_step / (time.monotonic() - mark)
                row |= {"learning_rate": self._learning_rate(self.step), "samples_per_second": rate}
                row = _in_bits(row) | self.usage.figures()
                self._check_finite(row)
                log.write(row)
                if self.usage.steps >= self.task.steps_per_epoch:
                    self.usage.reset()
                progress.update(
                    self.step,
                    f"nll {row['nll_bits']:.3f} bit  codes {row['codes_used']:.0f}  {rate / 1e3:.0f}k samples/s",
                )
                sums, counted, mark = {}, 0, time.monotonic()
            if last or self.step % train.validate_every == 0:
                log.write(self._row("valid", log) | self._validate())
            stop = bool(stopping)  # looked at once: a signal that comes while saving waits for the next step
            if last or self.step % train.checkpoint_every == 0 or stop:
                self._save()
            if stop and not last:
                log.write(self._row("interrupted", log))
                raise Interrupted(
                    f"stopped by signal {stopping[0]} at step {self.step} of {train.steps}; saved {self._name(self.step)}. "
                    "Run the same command again to go on"
                )

    def _one_step(self) -> dict[str, Tensor]:
        rank, ranks = self.fabric.global_rank, self.fabric.world_size
        generator = step_generator(self.config.seed, self.step)
        batch = self.task.batch(self.step, rank, ranks).to(self.fabric.device)
        with self.fabric.autocast():  # a method other than forward gets none from Fabric in a single process
            result = self.forward.loss(batch, generator)
        self.optimizer.zero_grad()
        self.fabric.backward(result.total)
        if self.train.gradient_clip > 0:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.train.gradient_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(self.step)
        self.optimizer.step()
        self.model.update(generator)
        self.step += 1
        self.average.update(self.step)
        self.usage.add(result.codes, result.mask)
        return dict(result.terms)

    def _learning_rate(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to a share of the peak."""
        train = self.train
        warm = min(1.0, (step + 1) / max(1, train.warmup_steps))
        floor = train.final_learning_rate_share
        decay = 0.5 * (1 + math.cos(math.pi * min(1.0, step / train.steps)))
        return train.learning_rate * warm * (floor + (1 - floor) * decay)

    def _row(self, split: str, log: MetricsLog) -> dict[str, Any]:
        return {"step": self.step, "split": split, "seconds": round(log.seconds_before + self.elapsed, 3)}

    def _validate(self) -> dict[str, float]:
        """Loss on held-out crops with the averaged weights, beside the loss with codes shuffled across the batch."""
        usage = CodebookUsage(self.task.codebook_sizes)
        sums: dict[str, float] = {}
        self.model.eval()
        with torch.no_grad(), self.average.applied(), self.fabric.autocast():
            for number in range(self.train.validation_batches):
                batch = self.task.validation_batch(number, 0, 1).to(self.fabric.device)
                result = self.model.loss(batch)
                usage.add(result.codes, result.mask)
                values = {**result.terms, "shuffled_nll": self.model.shuffled_nll(batch)}
                for name, value in values.items():
                    sums[name] = sums.get(name, 0.0) + value.item() / self.train.validation_batches
        self.model.train()
        self.validated = self.step, sums["nll"]
        return _in_bits(sums) | usage.figures()

    def _check_finite(self, row: dict[str, Any]) -> None:
        broken = [name for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
        if broken:
            raise TrainingError(
                f"{', '.join(broken)} no longer finite at step {self.step}; the last good checkpoint is kept. Lower "
                f"train.learning_rate (now {self.train.learning_rate}) or train.gradient_clip (now {self.train.gradient_clip})"
            )

    def _name(self, step: int) -> Path:
        return self.root / f"step-{step:08}"

    def _save(self) -> None:
        path = self._name(self.step)
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "usage": self.usage.state_dict(),
            "best": self.best,
            "best_name": self.best_name,
            "fingerprint": self.task.fingerprint,
        }
        if not all(torch.isfinite(tensor).all() for tensor in self.model.state_dict().values()):
            raise TrainingError(f"weights are no longer finite at step {self.step}; the last good checkpoint is kept")
        if self.fabric.is_global_zero:
            step, nll = self.validated
            if step == self.step and nll < self.best:
                self.best, self.best_name = nll, path.name
                state |= {"best": self.best, "best_name": self.best_name}
            self.task.save(path, self.average.weights(), self.step, state)
            if self.best_name is not None:
                best = {"checkpoint": self.best_name, "nll_bits": self.best / math.log(2)}
                (self.root / "best.json").write_text(json.dumps(best) + "\n")
            for old in sorted(self.root.glob("step-*"))[: -self.train.keep_last]:
                if old.name != self.best_name:
                    shutil.rmtree(old)
        self.fabric.barrier()

    def _restore(self) -> None:
        """Go on from the newest checkpoint that is whole, or make the data-dependent start."""
        for path in sorted(self.root.glob("step-*"), reverse=True):
            try:
                state = torch.load(path / "train_state.pt", map_location=self.fabric.device, weights_only=True)
                self.model.load_state_dict(state["model"], strict=True)
                self.average.load_state_dict(state["average"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.usage.load_state_dict(state["usage"])
            except (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
                reason = str(error).partition("\n")[0].partition(". ")[0]  # torch goes on to advise weights_only=False
                warnings.warn(f"checkpoint {path} cannot be used ({reason}); trying the one before", stacklevel=2)
                continue
            if state.get("fingerprint", self.task.fingerprint) != self.task.fingerprint:
                raise CheckpointError(
                    f"{self.directory} was trained on other data than its store now holds; give another --out, or start over with --fresh"
                )
            self.step, self.best, self.best_name = state["step"], state["best"], state["best_name"]
            return
        self.elapsed = 0.0
        with self.fabric.autocast():
            self.model.start(self.task.start_batch().to(self.fabric.device), step_generator(self.config.seed, -1))
        self.average = WeightAverage(self.model, self.train.weight_average)


def _precision(train: TrainConfig) -> Any:
    """bf16 mixed precision where the hardware multiplies in it, else 32 bits."""
    if train.precision != "auto":
        return train.precision
    if torch.cuda.is_available() and train.accelerator in ("auto", "cuda", "gpu"):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"


def _in_bits(row: dict[str, Any]) -> dict[str, Any]:
    """Negative log-likelihoods in bits per sample: ``nll`` becomes ``nll_bits``, ``shuffled_nll`` becomes ``shuffled_nll_bits``."""
    return {
        (f"{name}_bits" if name.endswith("nll") else name): (value / math.log(2) if name.endswith("nll") else value)
        for name, value in row.items()
    }


@contextmanager
def _signals() -> Iterator[list[int]]:
    """SIGINT and SIGTERM put their number into the list instead of killing; a second one does kill."""
    caught: list[int] = []

    def note(number: int, frame: Any) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    before: dict[int, Any] = {}
    try:
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            before[number] = signal.signal(number, note)
    except ValueError:  # not the main thread: whoever runs us handles signals
        pass
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
