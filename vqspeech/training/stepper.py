"""Optimisation steps: gradients of each group of parameters, and their optimisers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vqspeech.config import RunConfig
from vqspeech.modality import Task, Terms
from vqspeech.nn.decoders.protocol import MAIN
from vqspeech.training.ahead import Ahead
from vqspeech.training.draws import step_generator
from vqspeech.training.groups import ParameterGroups
from vqspeech.training.optimiser import can_be_captured, make_optimisers, peaked, portable, set_rates
from vqspeech.training.precision import exact_convolutions
from vqspeech.training.processes import Processes
from vqspeech.training.recording import CudaGraphs, Recording
from vqspeech.training.schedule import learning_rate_share


class Pass(NamedTuple):
    """What is kept of a loss after its backward pass; see `vqspeech.nn.batch.LossTerms`."""

    terms: dict[str, Tensor]
    codes: Tensor
    mask: Tensor


class Stepper:
    """Makes the optimisation steps of a task's model; base class of `Trainer`.

    A task with a method ``step(trainer)`` replaces `step`. That method may call `step`; or `backward` and `descend` for
    each group, as often as it likes, and then ``trainer.model.update(trainer.generator)``.

    Parameters
    ----------
    config : checked configuration of the run
    task : model and data
    processes : processes of this job

    Attributes
    ----------
    model : ``task.model``, on the device of this process
    groups : trainable parameters by group
    optimisers : optimisers of each group; ``peak`` of their parameter groups is the learning rate before the schedule
    steps : optimiser steps taken
    terms : recorded terms of this step, name -> scalar
    passes : what is kept of the losses of the group ``"main"`` in this step
    generator : randomness of the model in this step, as the last pass of the group ``"main"`` left it
    """

    def __init__(self, config: RunConfig, task: Task, processes: Processes) -> None:
        self.config, self.train, self.task = config, config.train, task
        self.processes, self.fabric = processes, processes.fabric
        self.model: Any = task.model
        self.steps = 0
        self.generator = torch.Generator()
        self.groups = ParameterGroups(self.model)
        with self.fabric.autocast():
            if torch.is_autocast_enabled("cpu"):
                exact_convolutions(self.model)
        self.terms: dict[str, Tensor] = {}
        self.passes: list[Pass] = []
        self._batches: dict[int, Any] = {}
        self._draws: Iterator[torch.Generator] | None = None
        on_gpu = self.fabric.device.type == "cuda"
        self._ahead = Ahead(task, processes.rank, processes.count, self.train.steps) if on_gpu else None
        self._recording: Recording | None = None
        self._records = self.train.cuda_graph == "auto"
        if self._several:
            # Each group has a backward pass of its own, which DistributedDataParallel does not support.
            self.fabric.to_device(self.model)
        self.optimisers = self._make_optimisers()
        self._module: Any = self.model
        if not self._several:
            self._module, *self.optimisers[MAIN] = self.fabric.setup(self.model, *self.optimisers[MAIN])
            self._module.mark_forward_method("loss")

    @property
    def learning_rate_share(self) -> float:
        """Share of their peak that the learning rates have in this step."""
        return learning_rate_share(self.steps, self.train)

    def step(self) -> None:
        """Make one optimisation step: each group in turn, then the model's own update."""
        for group in self.groups:
            self.backward(group)
            self.descend(group)
        self.model.update(self.generator)

    def backward(self, group: str = MAIN) -> None:
        """Compute the gradients of a group over this process's shares; record the terms.

        The loss of a model with several groups is called with ``group``, and only parameters of that group require
        gradients.
        """
        count = self.processes.count
        shares = count * self.train.accumulate
        for optimiser in self.optimisers[group]:
            optimiser.zero_grad()
        passes = []
        with self.groups.only(group):
            for first in range(self.processes.rank, shares, count):
                generator = step_generator(self.config.seed, self.steps) if self._draws is None else next(self._draws)
                # Gradients meet those of other processes in the last part.
                with self._unsynchronised(first + count < shares):
                    passes.append(self._pass(group, self._batch(first, shares), generator))
        if self._several:
            self.processes.add_gradients(self.groups[group])
        if group == MAIN:
            self.generator, self.passes = generator, passes
        self._record(group, passes)

    def descend(self, group: str = MAIN) -> None:
        """Clip the gradients of a group and step its optimisers, at the learning rates of this step."""
        if self.train.gradient_clip > 0:
            torch.nn.utils.clip_grad_norm_(self.groups[group], self.train.gradient_clip)
        for optimiser in self.optimisers[group]:
            if self._recording is None:
                set_rates(optimiser, self.learning_rate_share)
            optimiser.step()

    def record(self, terms: Mapping[str, Tensor]) -> None:
        """Record this process's share of some terms of this step; the means over steps are logged."""
        self.terms.update(terms)

    def own_batches(self) -> list[Any]:
        """Make this process's shares of this step's batch, on the CPU."""
        shares = self.processes.count * self.train.accumulate
        return [self._made(first, shares) for first in range(self.processes.rank, shares, self.processes.count)]

    def prepare(self, batches: Sequence[Any], draws: Iterator[torch.Generator] | None = None) -> None:
        """Give the next `step` its shares of the batch, on the device, and the generator of each pass in turn."""
        self._batches = dict(zip(range(self.processes.rank, 2**31, self.processes.count), batches, strict=False))
        self._draws, self.terms, self.passes = draws, {}, []

    def optimiser_states(self) -> list[dict[str, Any]]:
        """Return the states of all optimisers, as any device continues from them."""
        return [portable(one.state_dict()) for several in self.optimisers.values() for one in several]

    def load_optimiser_states(self, states: Sequence[dict[str, Any]]) -> None:
        """Continue from `optimiser_states`."""
        if self._recording is not None:
            self._recording.end()
            self._recording = None
        optimisers = [one for several in self.optimisers.values() for one in several]
        for optimiser, stored in zip(optimisers, states, strict=True):
            optimiser.load_state_dict(stored)

    def close(self) -> None:
        """End the thread that makes batches, if there is one."""
        if self._ahead is not None:
            self._ahead.close()

    @property
    def _several(self) -> bool:
        return len(self.groups) > 1

    def _make_optimisers(self) -> dict[str, list[torch.optim.Optimizer]]:
        """Make the optimisers: the task's, and the configuration's for other groups."""
        own = getattr(self.task, "optimisers", None)
        made = {name: [peaked(one) for one in several] for name, several in (own(self) if own else {}).items()}
        return make_optimisers(self.model, self.train, {k: v for k, v in self.groups.items() if k not in made}) | made

    def _advance(self) -> tuple[dict[str, Tensor], list[Pass]]:
        """Make the step, by the task or by `step`; return recorded terms and main results."""
        self.terms, self.passes = {}, []
        own = getattr(self.task, "step", None)
        if self._recording is None and self._can_be_recorded():
            self._recording = Recording(self, CudaGraphs())
        if self._recording is not None:
            self._recording.step()
            if self._recording.ended:
                self._recording, self._records = None, False
        elif own is None:
            self.step()
        else:
            own(self)
        self.steps += 1
        self._batches, self._draws = {}, None
        return self.terms, self.passes

    def _can_be_recorded(self) -> bool:
        """Return whether a step is worth a try: on one GPU, and made by the methods of this class."""
        plain = all(getattr(type(self), name) is getattr(Stepper, name) for name in ("step", "backward", "descend"))
        known = all(can_be_captured(one) for several in self.optimisers.values() for one in several)
        alone = self.processes.count == 1 and self.fabric.device.type == "cuda"
        return self._records and alone and plain and known and getattr(self.task, "step", None) is None

    def _pass(self, group: str, batch: Any, generator: torch.Generator) -> Pass:
        """Compute a loss and its backward pass, and let go of the graph."""
        # Fabric's own wrapper enters the precision for the method forward only.
        with self.fabric.autocast():
            if self._several:
                result: Terms = self._module.loss(batch, generator, group=group)
            else:
                result = self._module.loss(batch, generator)
        # Shares sum to the batch, and DistributedDataParallel takes the mean over processes.
        self.fabric.backward(result.total if self._several else result.total * self.processes.count)
        return Pass(result.terms, result.codes, result.mask)

    def _batch(self, first: int, shares: int) -> Any:
        """Return a share of this step's batch on the device, cached for the next group."""
        if first in self._batches:
            return self._batches[first]
        batch = self._made(first, shares).to(self.fabric.device)
        if self._several:
            self._batches[first] = batch
        return batch

    def _made(self, first: int, shares: int) -> Any:
        """Return a share of this step's batch on the CPU."""
        return (self.task.batch if self._ahead is None else self._ahead)(self.steps, first, shares)

    def _unsynchronised(self, enabled: bool) -> AbstractContextManager[Any]:
        if self._several:
            return nullcontext()
        context: AbstractContextManager[Any] = self.fabric.no_backward_sync(self._module, enabled=enabled)
        return context

    def _record(self, group: str, passes: Sequence[Pass]) -> None:
        """Record sums of terms over passes, with a prefix for names that main has as well."""
        terms = {name: torch.stack([each.terms[name] for each in passes]).sum() for name in passes[0].terms}
        main = {name for each in self.passes for name in each.terms} if group != MAIN else set()
        self.record({f"{group}_{name}" if name in main else name: value for name, value in terms.items()})
