"""Steps of training as a single launch: a step is recorded as a CUDA graph, and replayed for the batches after it.

Small models leave a GPU waiting for Python, which launches a thousand operations a step. A recorded step reads batches,
random numbers and learning rates from fixed places in memory, which are filled before each replay.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from vqspeech.config import RunConfig
from vqspeech.nn.draws import RepeatedDraws
from vqspeech.training.batch_tensors import layout, mapped, measured, tensors
from vqspeech.training.draws import step_generator
from vqspeech.training.optimiser import set_capturable, set_rates

WARM_UPS = 3
"""Steps of a layout before one is recorded, in which libraries choose kernels and code is compiled."""

MOST_LAYOUTS = 4
"""Layouts of batches that steps are recorded for; steps with further ones run as they are."""

MOST_MEMORY = 0.25
"""Share of the GPU's memory beyond which a step is not recorded: the recording has memory of its own."""

TERMS_WITHIN, MOVES_WITHIN = 1e-3, 0.25
"""Relative differences of terms, and of the changes of weights, at which a replayed step counts as the same step.

Both compute the same operations, whose sums may have another order; a forgotten input changes far more.
"""


class Steps(Protocol):
    """What `Recording` needs of a `vqspeech.training.stepper.Stepper`; see there."""

    config: RunConfig
    fabric: Any
    model: Any
    optimisers: dict[str, list[torch.optim.Optimizer]]
    steps: int
    terms: dict[str, Tensor]
    passes: list[Any]

    @property
    def learning_rate_share(self) -> float:
        """Share of their peak that the learning rates have in this step."""
        ...

    def own_batches(self) -> list[Any]:
        """Make the batches of this step, on the CPU."""
        ...

    def prepare(self, batches: Sequence[Any], draws: Iterator[torch.Generator] | None = None) -> None:
        """Give the next `step` its batches, on the device, and its generators."""
        ...

    def step(self) -> None:
        """Make one optimisation step."""
        ...


class Recorder(Protocol):
    """What records a step."""

    def warm(self, step: Callable[[], None]) -> None:
        """Run a step as it will be recorded."""
        ...

    def record(self, step: Callable[[], None]) -> Callable[[], None]:
        """Record a step without running it; return what runs it."""
        ...

    def used(self) -> float:
        """Return the share of the device's memory that is in use."""
        ...


class CudaGraphs:
    """Records steps as CUDA graphs, on a stream of its own; see `Recorder`."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()

    def warm(self, step: Callable[[], None]) -> None:
        """Run a step on the stream, after everything before and before everything after it."""
        here = torch.cuda.current_stream()
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            step()
        here.wait_stream(self._stream)

    def record(self, step: Callable[[], None]) -> Callable[[], None]:
        """Record a step; other threads may use the GPU meanwhile."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            step()
        replay: Callable[[], None] = graph.replay
        return replay

    def used(self) -> float:
        """Return the share of memory that PyTorch has taken."""
        return torch.cuda.memory_reserved() / torch.cuda.get_device_properties(None).total_memory


@dataclass
class _Layout:
    """Steps with batches of one layout: how many there were, and the recorded one.

    Parameters
    ----------
    runs : steps so far
    batches, draws : what the recorded step reads
    replay : runs it; None before
    terms, passes : where its results are
    """

    runs: int = 0
    batches: list[Any] = field(default_factory=list)
    draws: list[RepeatedDraws] = field(default_factory=list)
    replay: Callable[[], None] | None = None
    terms: dict[str, Tensor] = field(default_factory=dict)
    passes: list[Any] = field(default_factory=list)


class Recording:
    """Makes the steps of a stepper, by replaying a recorded one where that is possible.

    The first steps run as they are, and one is recorded. The next step is replayed, taken back and computed once more
    without the recording: where weights or terms differ, or recording fails, all further steps run as they are, with
    one warning.

    Parameters
    ----------
    stepper : of a single process
    recorder : records steps on its device
    """

    def __init__(self, stepper: Steps, recorder: Recorder) -> None:
        self._stepper, self._recorder = stepper, recorder
        self._layouts: dict[str, _Layout] = {}
        self.ended = False
        for optimiser in self._optimisers():
            set_capturable(optimiser, True)

    def step(self) -> None:
        """Make a step; its results are in the stepper, as after `Stepper.step`."""
        stepper = self._stepper
        device = stepper.fabric.device
        batches = [measured(batch.to(device), device) for batch in stepper.own_batches()]
        for optimiser in self._optimisers():
            set_rates(optimiser, stepper.learning_rate_share)
        try:
            key = "\n".join(map(layout, batches))
        except TypeError as reason:
            self._end(str(reason))
        if not self.ended and (key in self._layouts or len(self._layouts) < MOST_LAYOUTS):
            self._made(self._layouts.setdefault(key, _Layout()), batches)
        else:
            self._plain(batches)

    def end(self) -> None:
        """Make further steps impossible here, and give the optimisers back as they were."""
        if not self.ended:
            self.ended = True
            for optimiser in self._optimisers():
                set_capturable(optimiser, False)

    def _made(self, found: _Layout, batches: list[Any]) -> None:
        """Make a step of a known layout."""
        found.runs += 1
        if found.runs <= WARM_UPS:
            self._recorder.warm(lambda: self._plain(batches))
        elif found.replay is None:
            self._record(found, batches)
        elif found.runs == WARM_UPS + 2:
            self._compare(found, batches)
        else:
            self._replay(found, batches)

    def _plain(self, batches: Sequence[Any], draws: Iterator[torch.Generator] | None = None) -> None:
        """Make a step without a recording."""
        stepper = self._stepper
        stepper.prepare(batches, draws)
        stepper.step()

    def _record(self, found: _Layout, batches: list[Any]) -> None:
        """Make a step, then record it; the weights move once."""
        stepper = self._stepper
        found.batches = [mapped(batch, Tensor.clone) for batch in batches]
        self._recorder.warm(lambda: self._plain(found.batches, self._noted(found.draws)))
        terms, passes = dict(stepper.terms), list(stepper.passes)
        reason = ""
        if not all(draws.is_complete(self._generator()) for draws in found.draws):
            reason = "the model draws random numbers otherwise than by vqspeech.nn.draws.drawn"
        elif (used := self._recorder.used()) > MOST_MEMORY:
            reason = f"it uses {used:.0%} of the GPU's memory, and small models alone gain by it"
        else:
            again = iter([draws.again() for draws in found.draws])
            # What modules keep on the host belongs to the steps that run.
            hosts = [(module.__dict__, dict(module.__dict__)) for module in stepper.model.modules()]
            try:
                found.replay = self._recorder.record(lambda: self._plain(found.batches, again))
                found.terms, found.passes = dict(stepper.terms), list(stepper.passes)
            except Exception as error:
                reason = " ".join(str(error).split("\n")[0].split()) or type(error).__name__
            finally:
                for attributes, kept in hosts:
                    attributes.clear()
                    attributes.update(kept)
        if reason:
            self._end(reason)
        # The step that ran, not the one that was recorded.
        stepper.terms, stepper.passes = terms, passes

    def _replay(self, found: _Layout, batches: list[Any]) -> None:
        assert found.replay is not None
        for target, batch in zip(found.batches, batches, strict=True):
            for place, values in zip(tensors(target), tensors(batch), strict=True):
                place.copy_(values)
        for draws in found.draws:
            draws.refill(self._generator())
        found.replay()
        self._stepper.terms, self._stepper.passes = dict(found.terms), list(found.passes)

    def _compare(self, found: _Layout, batches: list[Any]) -> None:
        """Replay a step, take it back, and make it without the recording; end the recording if they differ."""
        weights, state = self._weights(), self._state()
        before, kept = _copies(weights), _copies(state)
        self._replay(found, batches)
        moved, terms = _copies(weights), {name: term.clone() for name, term in found.terms.items()}
        with torch.no_grad():
            for place, values in zip((*weights, *state), (*before, *kept), strict=True):
                place.copy_(values)
        self._plain(batches)
        apart = [f"{name} was {terms[name]:.6g} instead of {term:.6g}" for name, term in self._apart(terms)]
        if _distance(moved, weights) > MOVES_WITHIN * _distance(before, weights):
            apart.append("weights moved elsewhere")
        if apart:
            self._end(f"a replayed step gave other results ({apart[0]})")

    def _apart(self, terms: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        for name, term in self._stepper.terms.items():
            if not torch.isclose(terms[name].double(), term.double(), rtol=TERMS_WITHIN, atol=1e-4):
                yield name, term

    def _noted(self, draws: list[RepeatedDraws]) -> Iterator[torch.Generator]:
        """Yield generators of this step, and note them."""
        while True:
            draws.append(self._generator(RepeatedDraws))
            yield draws[-1]

    def _generator(self, kind: Any = torch.Generator) -> Any:
        return step_generator(self._stepper.config.seed, self._stepper.steps, kind)

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        return [one for several in self._stepper.optimisers.values() for one in several]

    def _weights(self) -> list[Tensor]:
        """Return the trained parameters, and buffers with fractions."""
        model = self._stepper.model
        return [
            *(one for one in model.parameters() if one.requires_grad),
            *filter(torch.is_floating_point, _buffers(model)),
        ]

    def _state(self) -> list[Tensor]:
        """Return everything else that a step changes."""
        states = (state for one in self._optimisers() for state in one.state.values())
        inside = [value for state in states for value in state.values() if isinstance(value, Tensor)]
        return [*(one for one in _buffers(self._stepper.model) if not one.is_floating_point()), *inside]

    def _end(self, reason: str) -> None:
        self.end()
        warnings.warn(
            f"steps of training are not recorded as a CUDA graph, they run one by one: {reason}", stacklevel=2
        )


def _buffers(model: torch.nn.Module) -> list[Tensor]:
    return list(model.buffers())


def _copies(several: Sequence[Tensor]) -> list[Tensor]:
    return [one.detach().clone() for one in several]


def _distance(some: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean distance of two lists of tensors."""
    squares = [(one.detach() - other.detach()).double().square().sum() for one, other in zip(some, others, strict=True)]
    return torch.stack(squares).sum().sqrt()
