"""The trainable parameters of a model, by the group that is optimised together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import nn

from vqspeech.errors import PluginError
from vqspeech.nn.decoders.protocol import MAIN


class ParameterGroups(Mapping[str, list[nn.Parameter]]):
    """Groups of a model's parameters that require gradients; frozen ones are excluded.

    ``"main"`` comes first and holds every parameter that no group of ``model.parameter_groups()`` names.

    Parameters
    ----------
    model : a trainable model, see `vqspeech.modality.Trainable`

    Raises
    ------
    PluginError : for a group called ``"main"``, a parameter of two groups or of another model, or nothing to train
    """

    def __init__(self, model: nn.Module) -> None:
        trainable = {id(parameter): parameter for parameter in model.parameters() if parameter.requires_grad}
        known = {id(parameter) for parameter in model.parameters()}
        declared: Callable[[], dict[str, list[nn.Parameter]]] | None = getattr(model, "parameter_groups", None)
        kind = type(model).__name__
        owner: dict[int, str] = {}
        for name, parameters in (declared() if declared is not None else {}).items():
            if name == MAIN:
                raise PluginError(f"{kind}.parameter_groups() names a group {MAIN!r}, which holds all other parameters")
            for parameter in parameters:
                if id(parameter) not in known:
                    raise PluginError(f"{kind}.parameter_groups(): {name!r} has a parameter that is not the model's")
                if owner.setdefault(id(parameter), name) != name:
                    raise PluginError(
                        f"{kind}.parameter_groups(): {name!r} and {owner[id(parameter)]!r} share a parameter"
                    )
        self._groups: dict[str, list[nn.Parameter]] = {MAIN: []}
        for key, parameter in trainable.items():
            self._groups.setdefault(owner.get(key, MAIN), []).append(parameter)
        if not self._groups[MAIN]:
            raise PluginError(f"{kind} has no trainable parameters in the group {MAIN!r}")

    def __getitem__(self, name: str) -> list[nn.Parameter]:
        return self._groups[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    @contextmanager
    def only(self, name: str) -> Iterator[None]:
        """Let only the parameters of one group require gradients within the block."""
        others = [parameter for other in self if other != name for parameter in self[other]]
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad_(True)
