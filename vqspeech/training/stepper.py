"""Optimisation steps: gradients of each group of parameters, and their optimisers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vqspeech.config import RunConfig
from vqspeech.modality import Task, Terms
from vqspeech.nn.decoders.protocol import MAIN
from vqspeech.training.draws import step_generator
from vqspeech.training.groups import ParameterGroups
from vqspeech.training.optimiser import make_optimisers, peaked
from vqspeech.training.precision import exact_convolutions
from vqspeech.training.processes import Processes
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
        self._terms: dict[str, Tensor] = {}
        self._passes: list[Pass] = []
        self._batches: dict[int, Any] = {}
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
                generator = step_generator(self.config.seed, self.steps)
                # Gradients meet those of other processes in the last part.
                with self._unsynchronised(first + count < shares):
                    passes.append(self._pass(group, self._batch(first, shares), generator))
        if self._several:
            self.processes.add_gradients(self.groups[group])
        if group == MAIN:
            self.generator, self._passes = generator, passes
        self._record(group, passes)

    def descend(self, group: str = MAIN) -> None:
        """Clip the gradients of a group and step its optimisers, at the learning rates of this step."""
        if self.train.gradient_clip > 0:
            torch.nn.utils.clip_grad_norm_(self.groups[group], self.train.gradient_clip)
        for optimiser in self.optimisers[group]:
            for parameters in optimiser.param_groups:
                parameters["lr"] = parameters["peak"] * self.learning_rate_share
            optimiser.step()

    def record(self, terms: Mapping[str, Tensor]) -> None:
        """Record this process's share of some terms of this step; the means over steps are logged."""
        self._terms.update(terms)

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
        self._terms, self._passes = {}, []
        own = getattr(self.task, "step", None)
        if own is None:
            self.step()
        else:
            own(self)
        self.steps += 1
        self._batches = {}
        return self._terms, self._passes

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
        batch = self.task.batch(self.steps, first, shares).to(self.fabric.device)
        if self._several:
            self._batches[first] = batch
        return batch

    def _unsynchronised(self, enabled: bool) -> AbstractContextManager[Any]:
        if self._several:
            return nullcontext()
        context: AbstractContextManager[Any] = self.fabric.no_backward_sync(self._module, enabled=enabled)
        return context

    def _record(self, group: str, passes: Sequence[Pass]) -> None:
        """Record sums of terms over passes, with a prefix for names that main has as well."""
        terms = {name: torch.stack([each.terms[name] for each in passes]).sum() for name in passes[0].terms}
        main = {name for each in self._passes for name in each.terms} if group != MAIN else set()
        self.record({f"{group}_{name}" if name in main else name: value for name, value in terms.items()})
