"""The step of a causal transformer over codes, for all streams of a batch; sums as in `vqspeech.kernels.steps`.

Numba caches the code by the date of this file: touch it after a change of `steps` or `numeric`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import float32

from vqspeech.kernels.numeric import compiled, exp32
from vqspeech.kernels.steps import add_product

Floats = npt.NDArray[np.float32]


class Blocks(NamedTuple):
    """Weights of the blocks of a transformer, matrices as inputs by outputs.

    Parameters
    ----------
    before, between : (layers, width), gains of the norms before attention and before the feedforward layer
    qkv, mix : (layers, width, 3 * width) and (layers, width, width)
    up, down : (layers, width, 2 * inner) and (layers, inner, width)
    last : (width,), gain of the norm behind all blocks
    """

    before: Floats
    between: Floats
    qkv: Floats
    mix: Floats
    up: Floats
    down: Floats
    last: Floats


class BlocksPast(NamedTuple):
    """Keys and values of the frames in the window, and scratch memory.

    Parameters
    ----------
    clock : (1,) int64, frames so far
    keys : (layers, streams, width, window); frame t is in slot t mod window
    values : (layers, streams, window, width)
    normed, attended : scratch, (streams, width)
    both : scratch, (streams, 3 * width)
    wide, gated : scratch, (streams, 2 * inner) and (streams, inner)
    scores : scratch, (window,)
    """

    clock: npt.NDArray[np.int64]
    keys: Floats
    values: Floats
    normed: Floats
    attended: Floats
    both: Floats
    wide: Floats
    gated: Floats
    scores: Floats


@compiled
def rms_norm(x, gain, out, epsilon):  # type: ignore[no-untyped-def]
    """Compute x / sqrt(mean x^2 + epsilon) * gain for each stream."""
    width = x.shape[1]
    for stream in range(x.shape[0]):
        total = float32(0)
        for n in range(width):
            total += x[stream, n] * x[stream, n]
        scale = float32(1) / np.sqrt(total / float32(width) + epsilon)
        for n in range(width):
            out[stream, n] = x[stream, n] * scale * gain[n]


@compiled
def rotate(x, heads, cosine, sine):  # type: ignore[no-untyped-def]
    """Turn the pairs (i, i + half) of each head of x (width,) by the angles of a frame."""
    half = len(cosine)
    for head in range(heads):
        for n in range(half):
            here, there = head * 2 * half + n, head * 2 * half + half + n
            a, b = x[here], x[there]
            x[here] = a * cosine[n] - b * sine[n]
            x[there] = a * sine[n] + b * cosine[n]


@compiled
def attend(query, keys, values, count, heads, scores, out):  # type: ignore[no-untyped-def]
    """Compute the attended values (width,) of a query (width,) over `count` slots."""
    width = len(query)
    each = width // heads
    scale = float32(1) / np.sqrt(float32(each))
    some = scores[:count]
    for head in range(heads):
        some[:] = float32(0)
        for d in range(head * each, (head + 1) * each):
            q, row = query[d] * scale, keys[d]
            for slot in range(count):
                some[slot] += q * row[slot]
        peak = some[0]
        for slot in range(count):
            peak = max(peak, some[slot])
        total = float32(0)
        for slot in range(count):
            some[slot] = exp32(max(some[slot] - peak, float32(-80)))
        for slot in range(count):
            total += some[slot]
        part = out[head * each : (head + 1) * each]
        part[:] = float32(0)
        for slot in range(count):
            share, row = some[slot] / total, values[slot]
            for n in range(each):
                part[n] += share * row[head * each + n]


@compiled
def advance_blocks(net, past, x, heads, cosine, sine, epsilon, features):  # type: ignore[no-untyped-def]
    """Compute the features (streams, width) of the next frame; x (streams, width), its input, is overwritten."""
    layers, streams, width, window = past.keys.shape
    inner, now = past.gated.shape[1], past.clock[0]
    slot, count = now % window, min(now + 1, window)
    for layer in range(layers):
        rms_norm(x, net.before[layer], past.normed, epsilon)
        past.both[:] = float32(0)
        add_product(past.normed, net.qkv[layer], past.both)
        for stream in range(streams):
            both = past.both[stream]
            query, key = both[:width], both[width : 2 * width]
            rotate(query, heads, cosine, sine)
            rotate(key, heads, cosine, sine)
            keys, values = past.keys[layer, stream], past.values[layer, stream]
            for n in range(width):
                keys[n, slot] = key[n]
                values[slot, n] = both[2 * width + n]
            attend(query, keys, values, count, heads, past.scores, past.attended[stream])
        add_product(past.attended, net.mix[layer], x)
        rms_norm(x, net.between[layer], past.normed, epsilon)
        past.wide[:] = float32(0)
        add_product(past.normed, net.up[layer], past.wide)
        for stream in range(streams):
            wide, gated = past.wide[stream], past.gated[stream]
            for n in range(inner):
                a = wide[n]
                opening = float32(1) / (float32(1) + exp32(min(max(-a, float32(-80)), float32(80))))
                gated[n] = a * opening * wide[inner + n]
        add_product(past.gated, net.down[layer], x)
    rms_norm(x, net.last, features, epsilon)
    past.clock[0] = now + 1
