"""A limit on what a checkpoint's configuration may build, from the size of its weights.

A configuration of a stranger can ask for billions of layers, or for terabytes, before its weights show that they are
of a small model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from vqspeech.errors import CheckpointError

LARGEST, TENSORS = 2**26, 20_000
"""Elements of a tensor, and number of tensors, that every model may make."""

_SIZED = frozenset({torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.full, torch.eye})
_RANGES = frozenset({torch.arange, torch.linspace, torch.hann_window, torch.hamming_window, torch.tril_indices})
_HEADER_BYTES = 100_000_000
"""Most bytes of the header of a safetensors file, as that format has it."""


@contextmanager
def limited(weights: Path) -> Iterator[None]:
    """Refuse, within the block, tensors larger than four times the largest of a file, or more than tenfold as many.

    Parameters
    ----------
    weights : a safetensors file

    Raises
    ------
    CheckpointError : for a file that is not safetensors, and in the block before such a tensor is made
    """
    count, largest = _contents(weights)
    with _Limit(weights, TENSORS + 10 * count, max(LARGEST, 4 * largest)):
        yield


class _Limit(TorchFunctionMode):
    """Counts the tensors that are made, and looks at their sizes."""

    def __init__(self, weights: Path, count: int, largest: int) -> None:
        super().__init__()
        self.weights, self.left, self.largest = weights, count, largest

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Look at the size that a function is called with; call it."""
        kwargs = kwargs or {}
        if func in _SIZED or func in _RANGES:
            self.left -= 1
            if self.left < 0 or _elements(func, args, kwargs) > self.largest:
                raise CheckpointError(
                    f"{self.weights.parent}/config.json describes a model that is far larger than its weights; the "
                    "checkpoint is damaged, or not what it says"
                )
        return func(*args, **kwargs)


def _elements(func: Any, args: Any, kwargs: Any) -> int:
    """Return the number of elements, or a bound on it, that a function makes a tensor of."""
    given = [*(args[:1] if func is torch.full else args), kwargs.get("size", ())]
    sizes = [int(one) for each in given for one in (each if isinstance(each, list | tuple) else [each]) if _counts(one)]
    if not sizes:
        return 0
    if func is torch.eye:
        return sizes[0] * sizes[-1]
    return max(map(abs, sizes)) if func in _RANGES else math.prod(sizes)


def _counts(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _contents(path: Path) -> tuple[int, int]:
    """Return the number of tensors of a safetensors file, and the elements of the largest."""
    try:
        if not path.is_file():
            raise ValueError("it is not a file" if path.exists() else "there is no such file")
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > min(_HEADER_BYTES, path.stat().st_size):
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(size))
        shapes = [about["shape"] for name, about in header.items() if name != "__metadata__"]
        # Every element takes a byte at least.
        elements = [min(math.prod(map(int, shape)), path.stat().st_size) for shape in shapes]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise CheckpointError(f"{path} cannot be loaded, another checkpoint may: {error}") from error
    return len(elements), max(elements, default=0)
