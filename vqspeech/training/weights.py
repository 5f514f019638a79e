"""The moving average of a model's weights, which is used after training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of the trainable parameters (Polyak and Juditsky 1992).

    The decay grows as (1 + step) / (10 + step) up to its final value, so that the first weights are soon forgotten.

    Parameters
    ----------
    model : parameters that require gradients now are averaged
    decay : 0 for no averaging
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._model = model
        self._live = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
        self._average = {name: tensor.detach().clone() for name, tensor in self._live.items()} if decay else {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after a step."""
        if self._average:
            decay = min(self.decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(self._average.values()), list(self._live.values()), 1 - decay)

    def weights(self) -> dict[str, Tensor]:
        """Return the state to use: averages, frozen parameters and buffers."""
        return {**self._model.state_dict(), **self._average}

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model compute with the averaged weights within the block."""
        live = {name: tensor.data for name, tensor in self._live.items()}
        for name, tensor in self._average.items():
            self._live[name].data = tensor
        try:
            yield
        finally:
            for name, tensor in self._live.items():
                tensor.data = live[name]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the averages, for the train state."""
        return dict(self._average)

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from the averages of a train state."""
        for name, tensor in self._average.items():
            tensor.copy_(state[name])
