"""Means of a loss's terms between two rows of the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vqspeech.training.processes import Processes


class StepMeans:
    """Sums a process's loss terms over the steps since the last row, on their device."""

    def __init__(self) -> None:
        self.steps = 0
        self.sums: dict[str, Tensor] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Add this process's share of the terms of a step."""
        self.steps += 1
        for name, value in terms.items():
            # A copy: a recorded step overwrites its terms.
            exact = value.to(torch.float64, copy=True)
            self.sums[name] = self.sums[name] + exact if name in self.sums else exact

    def over(self, processes: Processes) -> StepMeans:
        """Add up the shares of all processes."""
        whole = StepMeans()
        whole.steps = self.steps
        whole.sums = dict(zip(self.sums, processes.total(list(self.sums.values())), strict=True))
        return whole

    def figures(self) -> dict[str, float]:
        """Return the means."""
        return {name: value.item() / self.steps for name, value in self.sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the sums, for the train state."""
        return {"steps": self.steps, "sums": self.sums}

    def load_state_dict(self, state: Mapping[str, Any], *, counts: bool = True) -> None:
        """Continue from a train state; without `counts`, on all processes but one, from zero."""
        self.steps = state["steps"]
        self.sums = {name: value if counts else torch.zeros_like(value) for name, value in state["sums"].items()}
