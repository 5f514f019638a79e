"""PyTorch's own threads for numba code.

A second pool of threads would fight with PyTorch's for the cores: an OpenMP thread that has finished its part of one operation waits for the next
one busily. PyTorch for Linux brings GNU OpenMP, whose entry point runs any C function on the threads that wait.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
import numpy as np
import torch
from numba import types

from vqspeech.kernels.numeric import compiled

_MEMBER, _SIZE = "omp_get_thread_num", "omp_get_num_threads"


@functools.cache
def _openmp() -> Any:
    """GNU OpenMP as PyTorch has loaded it, or one that calls itself so; None where there is none."""
    try:
        library = ctypes.CDLL("libgomp.so.1")
        library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        library.GOMP_parallel.restype = None
        for name in (_MEMBER, _SIZE):
            llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
    except (OSError, AttributeError):
        return None
    return library


def available() -> bool:
    """Whether there are such threads."""
    return _openmp() is not None


_member = types.ExternalFunction(_MEMBER, types.int32())
_size = types.ExternalFunction(_SIZE, types.int32())


@compiled
def share(count):  # type: ignore[no-untyped-def]
    """First and last (not included) of `count` things that are this thread's."""
    member, size = _member(), _size()
    return count * member // size, count * (member + 1) // size


class Entry:
    """A function ``function(arguments)`` of numba code, of an int64 pointer, for `run`; compiled when first wanted, kept on disk where it can be kept."""

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function

    @functools.cached_property
    def address(self) -> Any:
        """Of the machine code."""
        options: Any
        signature, options = types.void(types.CPointer(types.int64)), {"error_model": "numpy"}
        _openmp()  # its symbols are linked to
        try:
            return numba.cfunc(signature, cache=True, **options)(self.function).address
        except RuntimeError:  # "no locator available"
            return numba.cfunc(signature, **options)(self.function).address


def run(entry: Entry, *arguments: int) -> None:
    """Run an entry on as many threads as PyTorch uses; it finds its share of the work by `share`."""
    numbers = np.array(arguments, np.int64)
    _openmp().GOMP_parallel(entry.address, numbers.ctypes.data, torch.get_num_threads(), 0)
