"""Random numbers of a model in training: drawn on the CPU, equal on every device, and copied without waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Draw = Callable[[torch.Generator], Tensor]
"""Draws numbers from a generator on the CPU; their shape depends on nothing random."""


def drawn(draw: Draw, generator: torch.Generator, device: torch.device) -> Tensor:
    """Return numbers on a device; a `RepeatedDraws` keeps how they were drawn.

    Parameters
    ----------
    draw : called with a generator
    generator : on the CPU
    device : to copy the numbers to
    """
    if isinstance(generator, RepeatedDraws):
        return generator.drawn(draw, device)
    return sent(draw(generator), device)


def sent(values: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor from the CPU to a device; a GPU copies it when it gets there, and nobody waits."""
    return _pinned(values, device).to(device, non_blocking=True)


class _Place(NamedTuple):
    """How numbers are drawn, and where a device finds them."""

    draw: Draw
    numbers: Tensor


class RepeatedDraws(torch.Generator):
    """A generator that repeats the draws of one step for further steps, into the same memory of the device.

    A recorded step (`vqspeech.training.recording`) reads its random numbers from there. The first step draws; while the
    same step is recorded, `again` hands out what the first one drew; before each further step, `refill` draws anew.
    """

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._next: int | None = None

    def drawn(self, draw: Draw, device: torch.device) -> Tensor:
        """See `vqspeech.nn.draws.drawn`."""
        if self._next is None:
            self._places.append(_Place(draw, sent(draw(self), device)))
            return self._places[-1].numbers
        self._next += 1
        return self._places[self._next - 1].numbers

    def again(self) -> RepeatedDraws:
        """Begin the same step once more, without drawing; return this generator."""
        self._next = 0
        return self

    def refill(self, generator: torch.Generator) -> None:
        """Draw the numbers of another step from its generator."""
        for place in self._places:
            place.numbers.copy_(_pinned(place.draw(generator), place.numbers.device), non_blocking=True)

    def is_complete(self, generator: torch.Generator) -> bool:
        """Return whether the draws kept are all that this generator made.

        Parameters
        ----------
        generator : in the state that this one had before the first draw
        """
        for place in self._places:
            place.draw(generator)
        return torch.equal(generator.get_state(), self.get_state())


def _pinned(values: Tensor, device: torch.device) -> Tensor:
    return values.pin_memory() if device.type == "cuda" else values
