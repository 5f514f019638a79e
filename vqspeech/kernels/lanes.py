"""Sixteen float32 numbers as one value of numba code, and pointers to bfloat16 and float32 numbers that they are read from and written to.

Explicit vectors, since a compiler's own vectorisation of loops over 32 or 64 channels falls back to single numbers as often as not. LLVM splits
vectors that are wider than the machine's.
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
"""Kinds of numbers behind a pointer, each a sample of what its bits are kept in."""

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_HALVES, _WORDS = ir.VectorType(ir.IntType(16), LANES), ir.VectorType(ir.IntType(32), LANES)


class Lanes(types.Type):
    """The type of such a value."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = Lanes()


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


@intrinsic
def at(typingctx, address, kind):  # type: ignore[no-untyped-def]
    """The pointer with this address to numbers of a kind: `BFLOAT16`, `FLOAT32` or `INT64`."""
    result = types.CPointer(kind)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(result))

    return result(address, kind), generate


@intrinsic
def item(typingctx, pointer, index):  # type: ignore[no-untyped-def]
    """The number with this index: a float32 from bfloat16 and float32, an int64 from int64. No bounds, no counting from the end."""
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
    """The numbers from this index on, of a pointer to bfloat16 or float32."""
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
    """Numbers to this index and on, of a pointer to bfloat16 or float32; to bfloat16 rounded to the nearest, ties to even, NaN to NaN."""
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
    """The same number in all lanes."""

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
    """``symbol(left, right)`` of lanes, or of lanes and a float32."""
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
"""``smaller(a, b)`` and ``larger(a, b)``, lane by lane; where one is NaN, a."""


@intrinsic
def floor(typingctx, value):  # type: ignore[no-untyped-def]
    """The largest whole numbers that are not larger."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        return builder.call(
            cgutils.get_or_insert_function(builder.module, kind, f"llvm.floor.v{LANES}f32"), [values[0]]
        )

    return lanes(lanes), generate


@intrinsic
def power_of_two(typingctx, value):  # type: ignore[no-untyped-def]
    """2 to the power of whole numbers from -126 to 127."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        whole = builder.add(builder.fptosi(values[0], _WORDS), _all(_WORDS, 127))
        return builder.bitcast(builder.shl(whole, _all(_WORDS, 23)), _VECTOR)

    return lanes(lanes), generate


@intrinsic
def lane(typingctx, value, index):  # type: ignore[no-untyped-def]
    """One number of them."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.extract_element(values[0], values[1])

    return types.float32(lanes, types.intp), generate


@compiled
def exp(x):  # type: ignore[no-untyped-def]
    """exp of numbers in [-80, 80] with a relative error below 2e-7, as `numeric.exp32`; NaN for NaN."""
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
    """tanh, error below 3e-7; NaN for NaN."""
    a = exp(smaller(larger(x + x, fill(float32(-20))), fill(float32(20))))
    return (a - float32(1)) / (a + float32(1))


@compiled
def total(x):  # type: ignore[no-untyped-def]
    """The sum of the lanes."""
    result = float32(0)
    for index in range(LANES):
        result += lane(x, index)
    return result


@compiled
def largest(x):  # type: ignore[no-untyped-def]
    """The largest of the lanes."""
    result = lane(x, 0)
    for index in range(1, LANES):
        result = max(result, lane(x, index))
    return result
