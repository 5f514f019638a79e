"""A differentiable function under `torch.compile`, which runs uncompiled where compiling fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vqspeech.errors import ConfigError

BACKEND: Any = "inductor"
"""Backend of `torch.compile`."""

MOST_SHAPES = 4
"""Shapes of tensors that one function is compiled for; calls with further shapes run uncompiled."""

_RECOMPILE_LIMIT = 256
"""Compilations of one function in a process, over all modules and shapes; PyTorch's own limit is 8."""


class Compiled:
    """A function of a module and tensors, compiled at the first call for each shape.

    That call first runs the forward and the backward pass as a trial: PyTorch compiles the backward pass when gradients
    are first computed, where a failure could no longer be handled. After a failure, and for shapes beyond
    `MOST_SHAPES`, calls run the function uncompiled, with one warning.

    Parameters
    ----------
    function : a function at the top level of a module; returns one tensor, differentiable in the module's parameters
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.function = function
        self.failure: Exception | None = None
        """The error that compiling ended with; None before."""
        self._compiled: Callable[..., Tensor] | None = None
        self._shapes: set[Any] = set()
        self._warned = False

    def __reduce__(self) -> Any:
        return Compiled, (self.function,)

    def ready(self, module: nn.Module, *tensors: Tensor, required: bool = False) -> bool:
        """Return whether a call with these tensors runs compiled code; compile it for new shapes.

        Raises
        ------
        ConfigError : when compiling fails and is required
        torch.OutOfMemoryError : when the device has too little memory for the function itself
        """
        key = tuple((tensor.shape, tensor.dtype, tensor.device, tensor.requires_grad) for tensor in tensors)
        if self.failure is not None or key in self._shapes:
            return self.failure is None
        if len(self._shapes) >= MOST_SHAPES:
            self._warn(f"batches have more than {MOST_SHAPES} shapes; further shapes run without torch.compile")
            return False
        try:
            self._compile(module, *tensors)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            if required:
                raise ConfigError(
                    f"train.compile = true, but torch.compile failed: {reason(error)}. Install a C++ compiler, "
                    'or set train.compile = "auto"'
                ) from error
            self.failure = error
            self._warn(f"torch.compile failed, training continues without it: {reason(error)}")
            return False
        self._shapes.add(key)
        return True

    def __call__(self, module: nn.Module, *tensors: Tensor) -> Tensor:
        """Compute the function, compiled where `ready` holds."""
        if self.ready(module, *tensors):
            assert self._compiled is not None
            return self._compiled(module, *tensors)
        return self.function(module, *tensors)

    def _compile(self, module: nn.Module, *tensors: Tensor) -> None:
        """Run forward and backward pass once on copies, which compiles both."""
        if self._compiled is None:
            self._compiled = torch.compile(self.function, dynamic=False, fullgraph=True, backend=BACKEND)
        inputs = [tensor.detach().requires_grad_(tensor.requires_grad) for tensor in tensors]
        inputs_with_gradient = [tensor for tensor in (*inputs, *module.parameters()) if tensor.requires_grad]
        with torch._dynamo.config.patch(recompile_limit=_RECOMPILE_LIMIT):
            result = self._compiled(module, *inputs)
        torch.autograd.grad(result.sum(), inputs_with_gradient, allow_unused=True)

    def _warn(self, message: str) -> None:
        if not self._warned:
            warnings.warn(message, stacklevel=2)
        self._warned = True


def reason(error: BaseException) -> str:
    """Return type and first line of an error that `torch.compile` raised, or of the error inside it."""
    inner = getattr(error, "inner_exception", None) or error.__cause__
    if inner is not None:
        return reason(inner)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ": ".join([type(error).__name__, *lines[:1]])
