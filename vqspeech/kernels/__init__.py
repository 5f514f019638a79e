"""Elementwise passes of training on CPUs, compiled by numba, on PyTorch's threads.

`numeric` and `lanes` hold arithmetic, `team` the threads, `gates` and `softmax` the passes. `vqspeech.nn` calls them
where `fit` returns True, and tensor operations elsewhere. Numba caches the code in ``__pycache__`` by the date of the
calling file: touch `gates` and `softmax` after a change of the other modules.
"""

from __future__ import annotations

import torch
from torch import Tensor


def fit(tensor: Tensor, *channels: int) -> bool:
    """Return whether the passes support a device, a dtype and these numbers of channels.

    Numba is imported only for a tensor that may be supported.
    """
    if tensor.device.type != "cpu" or tensor.dtype not in (torch.bfloat16, torch.float32) or not tensor.numel():
        return False
    from vqspeech.kernels import lanes, team

    return team.available() and not any(number % lanes.LANES for number in channels)
