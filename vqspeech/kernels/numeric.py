"""Arithmetic for numba code: bits of numbers, and an exponential that compilers can vectorise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import float32, int32, types
from numba.extending import intrinsic


def compiled(function: Callable[..., Any]) -> Any:
    """Compile at the first call, and cache the code on disk where a folder is writable."""
    options: Any = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}
    try:
        return numba.njit(cache=True, **options)(function)
    # "no locator available"
    except RuntimeError:
        return numba.njit(**options)(function)


@intrinsic
def float_of_bits(typingctx, bits):  # type: ignore[no-untyped-def]
    """Reinterpret the bits of an int32 as float32, or of an int64 as float64."""
    result = {types.int32: types.float32, types.int64: types.float64}[bits]

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(result))

    return result(bits), generate


@compiled
def exp32(x):  # type: ignore[no-untyped-def]
    """Compute exp of a float32 in [-80, 80] with a relative error below 2e-7.

    x = n log 2 + r, and a polynomial in r (Cephes, expf).
    """
    n = np.floor(x * float32(1.44269504088896341) + float32(0.5))
    r = x - n * float32(0.693359375) + n * float32(2.12194440e-4)
    p = float32(1.9875691500e-4) * r + float32(1.3981999507e-3)
    p = p * r + float32(8.3334519073e-3)
    p = p * r + float32(4.1665795894e-2)
    p = p * r + float32(1.6666665459e-1)
    p = p * r + float32(5.0000001201e-1)
    p = p * r * r + r + float32(1)
    return p * float_of_bits(int32((int32(n) + 127) << 23))
