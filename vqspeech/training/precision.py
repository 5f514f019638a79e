"""Convolutions that PyTorch computes wrongly in bfloat16 on some CPUs, kept in float32."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

FEWEST_CHANNELS = 32
"""Input channels from which strided convolutions in bfloat16 were right in every shape tried."""


def exact_convolutions(model: nn.Module) -> list[str]:
    """Make strided convolutions with few input channels compute in float32 under autocast.

    On CPUs with AMX, oneDNN as torch 2.11 ships it gives unrelated numbers (relative error about 1) for ``Conv1d`` and
    ``Conv2d`` in bfloat16 with 4 to 28 input channels and strides above 2, forward and backward
    (github.com/pytorch/pytorch/issues/169688). Strides of 1 and 2, dilated and transposed convolutions are right.

    Parameters
    ----------
    model : to be trained under bfloat16 autocast on a CPU

    Returns
    -------
    names of the modules that now compute in float32
    """
    found = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d):
            channels = module.in_channels // module.groups
            if channels < FEWEST_CHANNELS and max(module.stride) > 2:
                module.forward = MethodType(_in_float32, module)  # type: ignore[method-assign]
                found.append(name)
    return found


def _in_float32(module: Any, inputs: Tensor) -> Tensor:
    with torch.autocast(inputs.device.type, enabled=False):
        result: Tensor = type(module).forward(module, inputs.float())
    return result
