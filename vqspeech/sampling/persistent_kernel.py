"""The loop over samples of the CUDA engine as one Triton kernel: a program keeps its streams for as many samples as it is told to.

Streams do not know each other, so programs never wait for one another. Importing this needs triton, which comes with PyTorch for CUDA.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def gate(f, g):  # type: ignore[no-untyped-def]
    """tanh(f) sigmoid(g), as (a - 1) / ((a + 1) (b + 1)) with a = exp(2 f), b = exp(-g)."""
    a = tl.exp(2.0 * tl.minimum(tl.maximum(f, -10.0), 10.0))
    b = tl.exp(tl.minimum(tl.maximum(-g, -40.0), 40.0))
    return (a - 1.0) / ((a + 1.0) * (b + 1.0))


@triton.jit
def head_product(scratch, weight, y, rows, INPUTS: tl.constexpr, OUTPUTS: tl.constexpr, PRECISION: tl.constexpr):  # type: ignore[no-untyped-def]
    """Add scratch[rows] W to y (rows, OUTPUTS), a few inputs at a time: W does not fit in shared memory."""
    few = tl.arange(0, 16)
    outputs = tl.arange(0, OUTPUTS)
    for first in range(0, INPUTS, 16):
        x = tl.load(scratch + rows[:, None] * INPUTS + (first + few)[None, :])
        w = tl.load(weight + (first + few)[:, None] * OUTPUTS + outputs[None, :]).to(tl.float32)
        y = tl.dot(x, w, y, input_precision=PRECISION)
    return y


@triton.jit
def draw(  # type: ignore[no-untyped-def]
    conditions,  # (frames, layers, 2, streams, WIDTH) float32
    uniforms,  # (time, streams) float64
    temperature,  # (1,) float64
    levels,  # (time, streams) int64, the result; with FORCED the samples to take
    seen,  # (time, streams, 256) float32 logits, with FORCED
    level_of,  # (streams,) int64, the last sample
    clock,  # samples drawn before
    rings,  # of each layer (length, streams, WIDTH) float32, one after the other
    starts,  # (layers,) int64, slots before those of a layer
    dilations,  # (layers,) int64
    scratch,  # (streams, SKIP) float32
    embedding,  # (256, WIDTH) float32
    gates,  # (layers, TAPS, 2, WIDTH, WIDTH)
    residual,  # (layers, WIDTH, WIDTH), zero for the last
    residual_bias,  # (layers, WIDTH) float32
    skip,  # (layers, WIDTH, SKIP)
    inner,  # (SKIP, SKIP)
    last,  # (SKIP, 256)
    head_bias,  # (2 * SKIP + 256,) float32: of the skip sum, of the hidden layer, of the logits
    count,
    condition_samples,
    streams,
    LAYERS: tl.constexpr,
    TAPS: tl.constexpr,
    WIDTH: tl.constexpr,
    SKIP: tl.constexpr,
    STREAMS: tl.constexpr,
    GREEDY: tl.constexpr,
    FORCED: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """The next `count` samples of STREAMS streams per program. Widths are powers of two; what they are padded with is zero."""
    rows = tl.program_id(0) * STREAMS + tl.arange(0, STREAMS)
    channels, skips, classes = tl.arange(0, WIDTH), tl.arange(0, SKIP), tl.arange(0, 256)
    place = rows[:, None] * WIDTH + channels[None, :]  # of these streams in a slot
    slot_size = streams * WIDTH
    square = channels[:, None] * WIDTH + channels[None, :]
    wide = channels[:, None] * SKIP + skips[None, :]
    skip_bias = tl.load(head_bias + skips)
    inner_bias = tl.load(head_bias + SKIP + skips)
    last_bias = tl.load(head_bias + 2 * SKIP + classes)
    softness = tl.load(temperature)
    level = tl.load(level_of + rows)
    for sample in range(count):
        time = clock + sample
        condition = conditions + (sample // condition_samples).to(tl.int64) * LAYERS * 2 * slot_size
        hidden = tl.load(embedding + level[:, None] * WIDTH + channels[None, :])
        total = tl.zeros((STREAMS, SKIP), tl.float32) + skip_bias[None, :]
        for layer in range(LAYERS):
            dilation = tl.load(dilations + layer)
            length = (TAPS - 1) * dilation + 1  # one more than are read: no slot is read and written at the same sample
            ring = rings + tl.load(starts + layer) * slot_size
            weight = gates + layer * TAPS * 2 * WIDTH * WIDTH
            f = tl.load(condition + layer * 2 * slot_size + place)
            g = tl.load(condition + (layer * 2 + 1) * slot_size + place)
            for tap in tl.static_range(TAPS - 1):
                x = tl.load(ring + (time + 1 + tap * dilation) % length * slot_size + place)
                wf = tl.load(weight + tap * 2 * WIDTH * WIDTH + square).to(tl.float32)
                wg = tl.load(weight + (tap * 2 + 1) * WIDTH * WIDTH + square).to(tl.float32)
                f = tl.dot(x, wf, f, input_precision=PRECISION)
                g = tl.dot(x, wg, g, input_precision=PRECISION)
            wf = tl.load(weight + (TAPS - 1) * 2 * WIDTH * WIDTH + square).to(tl.float32)
            wg = tl.load(weight + (TAPS * 2 - 1) * WIDTH * WIDTH + square).to(tl.float32)
            f = tl.dot(hidden, wf, f, input_precision=PRECISION)
            g = tl.dot(hidden, wg, g, input_precision=PRECISION)
            tl.store(ring + time % length * slot_size + place, hidden)
            z = gate(f, g)
            hidden += tl.load(residual_bias + layer * WIDTH + channels)[None, :]
            wr = tl.load(residual + layer * WIDTH * WIDTH + square).to(tl.float32)
            hidden = tl.dot(z, wr, hidden, input_precision=PRECISION)
            wk = tl.load(skip + layer * WIDTH * SKIP + wide).to(tl.float32)
            total = tl.dot(z, wk, total, input_precision=PRECISION)
        tl.debug_barrier()  # threads read what others of the program wrote: scratch here, rings at the next sample
        tl.store(scratch + rows[:, None] * SKIP + skips[None, :], tl.maximum(total, 0.0))
        tl.debug_barrier()
        total = tl.zeros((STREAMS, SKIP), tl.float32) + inner_bias[None, :]
        total = head_product(scratch, inner, total, rows, SKIP, SKIP, PRECISION)
        tl.debug_barrier()
        tl.store(scratch + rows[:, None] * SKIP + skips[None, :], tl.maximum(total, 0.0))
        tl.debug_barrier()
        logits = tl.zeros((STREAMS, 256), tl.float32) + last_bias[None, :]
        logits = head_product(scratch, last, logits, rows, SKIP, 256, PRECISION)
        here = sample * streams + rows
        if FORCED:
            tl.store(seen + here[:, None] * 256 + classes[None, :], logits)
            level = tl.load(levels + here)
        else:
            if GREEDY:
                level = tl.argmax(logits, axis=1).to(tl.int64)
            else:
                below = (logits - tl.max(logits, axis=1)[:, None]).to(tl.float64)
                cumulative = tl.cumsum(tl.exp(below / softness), axis=1)
                threshold = tl.load(uniforms + here) * tl.max(cumulative, axis=1)
                passed = tl.sum((cumulative <= threshold[:, None]).to(tl.int64), axis=1)
                level = tl.minimum(passed, 255)
            tl.store(levels + here, level)
    tl.store(level_of + rows, level)
