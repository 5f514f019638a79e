"""Vectors of sixteen float32 numbers for numba code, in bfloat16 or float32 memory.

The vectors are explicit because compilers often fail to vectorise loops over 32 or 64 channels. LLVM splits vectors
that are wider than the machine's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import float32, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from vqspeech.kernels.numeric import compiled

LANES = 16

BFLOAT16, FLOAT32, INT64 = np.uint16(0), np.float32(0), np.int64(0)
"""Element types of pointers, each as an example of the type that stores its bits."""

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_HALVES, _WORDS = ir.VectorType(ir.IntType(16), LANES), ir.VectorType(ir.IntType(32), LANES)


class Lanes(types.Type):
    """The numba type of a vector."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = Lanes()


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


@intrinsic
def at(typingctx, address, kind):  # type: ignore[no-untyped-def]
    """Convert an address to a pointer to numbers of a kind: `BFLOAT16`, `FLOAT32` or `INT64`."""
    result = types.CPointer(kind)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(result))

    return result(address, kind), generate


@intrinsic
def item(typingctx, pointer, index):  # type: ignore[no-untyped-def]
    """Load one number: float32 from bfloat16 and float32, int64 from int64. The index is not checked."""
    narrow = pointer.dtype == types.uint16
    word = ir.IntType(32)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = builder.load(builder.gep(values[0], [values[1]]))
        if not narrow:
            return number
        return builder.bitcast(builder.shl(builder.zext(number, word), ir.Constant(word, 16)), ir.FloatType())

    return (types.float32 if narrow else pointer.dtype)(pointer, types.intp), generate


@intrinsic
def put(typingctx, pointer, index, value):  # type: ignore[no-untyped-def]
    """Store one float32."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], builder.gep(values[0], [values[1]]))
        return context.get_dummy_value()

    return types.void(types.CPointer(types.float32), types.intp, types.float32), generate


@intrinsic
def read(typingctx, pointer, index):  # type: ignore[no-untyped-def]
    """Load a vector from bfloat16 or float32 memory, starting at an index."""
    narrow = pointer.dtype == types.uint16

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = builder.gep(values[0], [values[1]])
        if not narrow:
            return builder.load(builder.bitcast(place, _VECTOR.as_pointer()), align=4)
        halves = builder.load(builder.bitcast(place, _HALVES.as_pointer()), align=2)
        return builder.bitcast(builder.shl(builder.zext(halves, _WORDS), _all(_WORDS, 16)), _VECTOR)

    return lanes(pointer, types.intp), generate


@intrinsic
def write(typingctx, pointer, index, value):  # type: ignore[no-untyped-def]
    """Store a vector in bfloat16 (round to nearest, ties to even) or float32 memory."""
    narrow = pointer.dtype == types.uint16

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place, number = builder.gep(values[0], [values[1]]), values[2]
        if narrow:
            bits = builder.bitcast(number, _WORDS)
            odd = builder.and_(builder.lshr(bits, _all(_WORDS, 16)), _all(_WORDS, 1))
            rounded = builder.add(builder.add(bits, _all(_WORDS, 0x7FFF)), odd)
            bits = builder.select(builder.fcmp_unordered("uno", number, number), _all(_WORDS, 0x7FC00000), rounded)
            halves = builder.trunc(builder.lshr(bits, _all(_WORDS, 16)), _HALVES)
            builder.store(halves, builder.bitcast(place, _HALVES.as_pointer()), align=2)
        else:
            builder.store(number, builder.bitcast(place, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, lanes), generate


@intrinsic
def fill(typingctx, number):  # type: ignore[no-untyped-def]
    """Return a vector with the same number in all lanes."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), values[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), _all(_WORDS, 0))

    return lanes(types.float32), generate


def _all(kind: Any, number: int) -> Any:
    return ir.Constant(kind, [number] * LANES)


def _binary(instruction: str) -> Any:
    @intrinsic
    def apply(typingctx, left, right):  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return getattr(builder, instruction)(values[0], values[1], flags=("contract", "nsz"))

        return lanes(lanes, lanes), generate

    return apply


def _overload(symbol: Callable[..., Any], instruction: str) -> None:
    """Define ``symbol(left, right)`` for two vectors, and for a vector and a float32."""
    apply = _binary(instruction)

    @overload(symbol, inline="always")
    def implementation(left, right):  # type: ignore[no-untyped-def]
        if isinstance(left, Lanes) and isinstance(right, Lanes):
            return lambda left, right: apply(left, right)
        if isinstance(left, Lanes) and right == types.float32:
            return lambda left, right: apply(left, fill(right))
        if left == types.float32 and isinstance(right, Lanes):
            return lambda left, right: apply(fill(left), right)
        return None


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _overload(_symbol, _instruction)


def _selector(comparison: str) -> Any:
    @intrinsic
    def select(typingctx, left, right):  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.select(builder.fcmp_ordered(comparison, values[1], values[0]), values[1], values[0])

        return lanes(lanes, lanes), generate

    return select


smaller, larger = _selector("<"), _selector(">")
"""``smaller(a, b)`` and ``larger(a, b)``, lane by lane; a where either is NaN."""


@intrinsic
def floor(typingctx, value):  # type: ignore[no-untyped-def]
    """Round down, lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        return builder.call(
            cgutils.get_or_insert_function(builder.module, kind, f"llvm.floor.v{LANES}f32"), [values[0]]
        )

    return lanes(lanes), generate


@intrinsic
def power_of_two(typingctx, value):  # type: ignore[no-untyped-def]
    """Compute 2 ** n for whole n from -126 to 127."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        whole = builder.add(builder.fptosi(values[0], _WORDS), _all(_WORDS, 127))
        return builder.bitcast(builder.shl(whole, _all(_WORDS, 23)), _VECTOR)

    return lanes(lanes), generate


@intrinsic
def lane(typingctx, value, index):  # type: ignore[no-untyped-def]
    """Return the number in one lane."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.extract_element(values[0], values[1])

    return types.float32(lanes, types.intp), generate


@compiled
def exp(x):  # type: ignore[no-untyped-def]
    """Compute exp in [-80, 80] with a relative error below 2e-7, as `numeric.exp32`; NaN stays NaN."""
    n = floor(x * float32(1.44269504088896341) + float32(0.5))
    r = x - n * float32(0.693359375) + n * float32(2.12194440e-4)
    p = float32(1.9875691500e-4) * r + float32(1.3981999507e-3)
    p = p * r + float32(8.3334519073e-3)
    p = p * r + float32(4.1665795894e-2)
    p = p * r + float32(1.6666665459e-1)
    p = p * r + float32(5.0000001201e-1)
    p = p * r * r + r + float32(1)
    return p * power_of_two(n)


@compiled
def tanh(x):  # type: ignore[no-untyped-def]
    """Compute tanh with an error below 3e-7; NaN stays NaN."""
    a = exp(smaller(larger(x + x, fill(float32(-20))), fill(float32(20))))
    return (a - float32(1)) / (a + float32(1))


@compiled
def total(x):  # type: ignore[no-untyped-def]
    """Sum the lanes."""
    result = float32(0)
    for index in range(LANES):
        result += lane(x, index)
    return result


@compiled
def largest(x):  # type: ignore[no-untyped-def]
    """Return the largest lane."""
    result = lane(x, 0)
    for index in range(1, LANES):
        result = max(result, lane(x, index))
    return result
