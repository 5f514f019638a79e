"""PyTorch's own threads for numba code.

A second pool of threads would compete with PyTorch's for the cores, because idle OpenMP threads spin while they wait.
PyTorch for Linux ships GNU OpenMP, whose entry point runs any C function on the waiting threads.
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
    """Return GNU OpenMP as PyTorch has loaded it, or a compatible library; None where there is none."""
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
    """Return whether PyTorch's threads can be used."""
    return _openmp() is not None


_member = types.ExternalFunction(_MEMBER, types.int32())
_size = types.ExternalFunction(_SIZE, types.int32())


@compiled
def share(count):  # type: ignore[no-untyped-def]
    """Return this thread's share of `count` items: the first, and the first that is not its own."""
    member, size = _member(), _size()
    return count * member // size, count * (member + 1) // size


class Entry:
    """A numba function of an int64 pointer, compiled and cached at its first use."""

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function

    @functools.cached_property
    def address(self) -> Any:
        """Address of the compiled function."""
        options: Any
        signature, options = types.void(types.CPointer(types.int64)), {"error_model": "numpy"}
        # registers the symbols that the code links to
        _openmp()
        try:
            return numba.cfunc(signature, cache=True, **options)(self.function).address
        # "no locator available"
        except RuntimeError:
            return numba.cfunc(signature, **options)(self.function).address


def run(entry: Entry, *arguments: int) -> None:
    """Run an entry on as many threads as PyTorch uses; each takes its `share`."""
    numbers = np.array(arguments, np.int64)
    _openmp().GOMP_parallel(entry.address, numbers.ctypes.data, torch.get_num_threads(), 0)
