"""Machine code for CPUs, made by numba: the passes over memory that training spends its time in, on PyTorch's threads.

`numeric` and `lanes` are arithmetic, `team` the threads, `gates` and `softmax` the passes; `vqspeech.nn` calls them where `fit` says so and has the same in
tensor operations for everything else. Numba keeps the machine code in ``__pycache__``, by the date of the file that uses it: touch `gates` and
`softmax` after a change of the others.
"""

from __future__ import annotations

import torch
from torch import Tensor


def fit(tensor: Tensor, *channels: int) -> bool:
    """Whether the passes are there for a tensor's device and dtype, and for channels (multiples of 16); numba is imported only if they may be."""
    if tensor.device.type != "cpu" or tensor.dtype not in (torch.bfloat16, torch.float32) or not tensor.numel():
        return False
    from vqspeech.kernels import lanes, team

    return team.available() and not any(number % lanes.LANES for number in channels)
