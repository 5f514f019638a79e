"""Register tiles: the inner loop of sampling on a CPU, built as LLVM vector instructions.

A tile adds the product of a few input rows and a panel of weights to a few output rows. Its accumulators are values of
vector type, so they stay in registers for the whole sum, independently of the shape; a compiler's own vectorisation of
the same loops stores and reloads them.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16 if llvm.get_host_cpu_features().get("avx512f") else 8
"""float32 numbers per vector; LLVM splits vectors that are wider than the machine's."""

SHARED = 4 if LANES == 16 else 2
"""Vectors of a tile of four rows: 16 sums in the 32 registers of AVX-512, 8 in the 16 of AVX2."""

_I32, _I64, _F32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
_VECTOR, _WORDS = ir.VectorType(_F32, LANES), ir.VectorType(_I32, LANES)


def make_tile(rows: int, vectors: int) -> Any:
    """Make a function ``tile(x, at, stride, count, w, panel, y, to, pitch)`` for numba code.

    It computes ``y[to + r * pitch + n] += sum over k < count (at least 1) of x[at + r * stride + k] * W[k, n]`` for r <
    `rows` and n < `vectors` * LANES. All arrays are one-dimensional; the panel W starts at `panel` in `w`, row by row
    without gaps.

    W is read from float32 numbers, or from uint32 pairs of bfloat16 numbers (see `packing.bf16_pairs`): the low half is
    the first of two vectors, and the whole word, read as a float32, the second.
    """

    @intrinsic
    def tile(typingctx, x, at, stride, count, w, panel, y, to, pitch):  # type: ignore[no-untyped-def]
        signature = types.void(x, types.intp, types.intp, types.intp, w, types.intp, y, types.intp, types.intp)
        paired = w.dtype == types.uint32
        assert w.dtype in (types.float32, types.uint32) and x.dtype == y.dtype == types.float32

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            if paired and vectors % 2:
                # There are no such panels, but numba compiles the call.
                return context.get_dummy_value()
            x_data, w_data, y_data = (
                context.make_array(kind)(context, builder, value).data
                for kind, value in ((x, values[0]), (w, values[4]), (y, values[6]))
            )
            at, stride, count, panel, to, pitch = (values[place] for place in (1, 2, 3, 5, 7, 8))
            words_per_row = vectors * LANES // (2 if paired else 1)

            def vector_at(data: Any, index: Any, kind: Any = _VECTOR) -> Any:
                return builder.bitcast(builder.gep(data, [index]), kind.as_pointer())

            def plus(index: Any, more: int) -> Any:
                return builder.add(index, ir.Constant(_I64, more)) if more else index

            outputs = [builder.add(to, builder.mul(pitch, ir.Constant(_I64, row))) for row in range(rows)]
            inputs = [builder.add(at, builder.mul(stride, ir.Constant(_I64, row))) for row in range(rows)]
            places = [vector_at(y_data, plus(out, vector * LANES)) for out in outputs for vector in range(vectors)]
            starts = [builder.load(place, align=4) for place in places]

            entry = builder.block
            body, done = builder.append_basic_block("tile.body"), builder.append_basic_block("tile.done")
            builder.branch(body)

            builder.position_at_end(body)
            k = builder.phi(_I64)
            k.add_incoming(ir.Constant(_I64, 0), entry)
            sums = [builder.phi(_VECTOR) for _ in starts]
            for total, start in zip(sums, starts, strict=True):
                total.add_incoming(start, entry)
            row = builder.add(panel, builder.mul(k, ir.Constant(_I64, words_per_row)))
            weights = []
            for vector in range(vectors // 2 if paired else vectors):
                index = plus(row, vector * LANES)
                if paired:
                    words = builder.load(vector_at(w_data, index, _WORDS), align=4)
                    low = builder.shl(words, ir.Constant(_WORDS, [16] * LANES))
                    weights += [builder.bitcast(low, _VECTOR), builder.bitcast(words, _VECTOR)]
                else:
                    weights.append(builder.load(vector_at(w_data, index), align=4))
            fresh = []
            for place, index in enumerate(inputs):
                scalar = builder.load(builder.gep(x_data, [builder.add(index, k)]))
                wide = _broadcast(builder, scalar)
                for vector in range(vectors):
                    fresh.append(_multiply_add(builder, wide, weights[vector], sums[place * vectors + vector]))
            following = builder.add(k, ir.Constant(_I64, 1))
            k.add_incoming(following, body)
            for total, value in zip(sums, fresh, strict=True):
                total.add_incoming(value, body)
            builder.cbranch(builder.icmp_signed("<", following, count), body, done)

            builder.position_at_end(done)
            for place, value in zip(places, fresh, strict=True):
                builder.store(value, place, align=4)
            return context.get_dummy_value()

        return signature, generate

    return tile


def _broadcast(builder: Any, scalar: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(_I32, 0))
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(_WORDS, [0] * LANES))


def _multiply_add(builder: Any, left: Any, right: Any, addend: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
    return builder.call(function, [left, right, addend])
