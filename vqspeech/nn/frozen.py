"""Frozen networks inside a model: neither trained, nor averaged, nor stored in its checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

import torch
from torch import nn

from vqspeech.errors import CheckpointError

Network = TypeVar("Network", bound=nn.Module)

UNKNOWN = 0
"""Fingerprint before any weights were loaded."""


class Frozen(nn.Module, Generic[Network]):
    """Holds a network whose weights checkpoints do not store.

    Its parameters are not parameters of the model, so they are not optimised, averaged or stored; a fingerprint is
    stored instead. The network stays in evaluation mode.

    Parameters
    ----------
    network : network with arbitrary weights, replaced by `load`
    """

    fingerprint: torch.Tensor

    def __init__(self, network: Network) -> None:
        super().__init__()
        # in a list, where torch.nn.Module does not look for modules
        self._networks = [network.eval().requires_grad_(False)]
        self.register_buffer("fingerprint", torch.tensor(UNKNOWN, dtype=torch.int64))

    @property
    def network(self) -> Network:
        """The network."""
        return self._networks[0]

    def load(self, state: dict[str, torch.Tensor], name: str) -> None:
        """Load weights.

        Parameters
        ----------
        state : weights, as in ``state_dict``
        name : name of these weights, for the message

        Raises
        ------
        CheckpointError : for other weights than in training
        """
        loaded, known = fingerprint(state), int(self.fingerprint)
        if known not in (UNKNOWN, loaded):
            raise CheckpointError(
                f"the weights {name} are not those that the model was trained with (fingerprints {loaded:x} and "
                f"{known:x}); get the release that it was trained with"
            )
        self.network.load_state_dict(state)
        self.fingerprint.fill_(loaded)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        if recurse:
            self.network._apply(fn)
        return super()._apply(fn, recurse)


def fingerprint(state: dict[str, torch.Tensor]) -> int:
    """Return the first 63 bits of the sha256 of a state's names and values."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return int.from_bytes(digest.digest()[:8], "big") >> 1 or 1
