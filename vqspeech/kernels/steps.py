"""The step of autoregressive networks over codes, for all streams of a batch: products, gates, rings of the past.

Every output is summed over the inputs in order, one stream independently of the others and in one thread. So the
numbers of a stream have the same bits in any batch and with any number of threads of PyTorch, on one machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import float32

from vqspeech.kernels.numeric import compiled, exp32

Floats = npt.NDArray[np.float32]


@compiled
def add_product(x, w, y):  # type: ignore[no-untyped-def]
    """Add x w to y, for C-contiguous x (streams, inputs), w (inputs, outputs) and y (streams, outputs)."""
    streams, inputs = x.shape
    outputs = w.shape[1]
    whole = inputs - inputs % 8
    # Eight rows of w a pass: y is read and written once for them, and they stay in the first cache for all streams.
    for k in range(0, whole, 8):
        w0, w1, w2, w3, w4, w5, w6, w7 = w[k], w[k + 1], w[k + 2], w[k + 3], w[k + 4], w[k + 5], w[k + 6], w[k + 7]
        for stream in range(streams):
            x0, x1, x2, x3 = x[stream, k], x[stream, k + 1], x[stream, k + 2], x[stream, k + 3]
            x4, x5, x6, x7 = x[stream, k + 4], x[stream, k + 5], x[stream, k + 6], x[stream, k + 7]
            out = y[stream]
            for n in range(outputs):
                total = out[n] + x0 * w0[n]
                total = total + x1 * w1[n]
                total = total + x2 * w2[n]
                total = total + x3 * w3[n]
                total = total + x4 * w4[n]
                total = total + x5 * w5[n]
                total = total + x6 * w6[n]
                out[n] = total + x7 * w7[n]
    for k in range(whole, inputs):
        row = w[k]
        for stream in range(streams):
            one, out = x[stream, k], y[stream]
            for n in range(outputs):
                out[n] = out[n] + one * row[n]


@compiled
def gate(both, z):  # type: ignore[no-untyped-def]
    """Compute z = tanh(f) sigmoid(h) of both = [f | h]; the error is below 3e-7."""
    width = z.shape[1]
    for stream in range(z.shape[0]):
        f, h, out = both[stream, :width], both[stream, width:], z[stream]
        for n in range(width):
            a = exp32(float32(2) * min(max(f[n], float32(-10)), float32(10)))
            b = exp32(min(max(-h[n], float32(-80)), float32(80)))
            out[n] = (a - float32(1)) / ((a + float32(1)) * (b + float32(1)))


@compiled
def rectify(x):  # type: ignore[no-untyped-def]
    """Set negative numbers of x (streams, channels) to zero."""
    for stream in range(x.shape[0]):
        row = x[stream]
        for n in range(x.shape[1]):
            row[n] = max(row[n], float32(0))


class Dilated(NamedTuple):
    """Weights of gated dilated layers, and of the product of their outputs.

    Parameters
    ----------
    gates : (layers, taps * width, 2 * width), the oldest tap first; two taps or more
    residual, residual_bias : (layers - 1, width, width) as inputs by outputs, and (layers - 1, width)
    skip, skip_bias : (layers, width, outputs) and (outputs,)
    dilations : (layers,) int64
    begins : (layers,) int64, where the ring of a layer begins
    """

    gates: Floats
    residual: Floats
    residual_bias: Floats
    skip: Floats
    skip_bias: Floats
    dilations: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]


class DilatedPast(NamedTuple):
    """What the layers remember of their streams, and scratch memory.

    Parameters
    ----------
    shift : (layers, streams, 2 * width), what is added to the gates
    clock : (1,) int64, frames so far
    rings : (slots, streams, width), for each layer its last (taps - 1) * dilation inputs
    taps, both, z : scratch, (streams, taps * width), (streams, 2 * width) and (layers, streams, width)
    """

    shift: Floats
    clock: npt.NDArray[np.int64]
    rings: Floats
    taps: Floats
    both: Floats
    z: Floats


@compiled
def advance_dilated(net, past, x, features):  # type: ignore[no-untyped-def]
    """Compute the features (streams, outputs) of the next frame; x (streams, width), its input, is overwritten."""
    layers, streams, width = past.z.shape
    count, now = past.taps.shape[1] // width, past.clock[0]
    for layer in range(layers):
        dilation = net.dilations[layer]
        length, begin = (count - 1) * dilation, net.begins[layer]
        for tap in range(count - 1):
            slot = past.rings[begin + (now + tap * dilation) % length]
            for stream in range(streams):
                for n in range(width):
                    past.taps[stream, tap * width + n] = slot[stream, n]
        slot = past.rings[begin + now % length]
        for stream in range(streams):
            for n in range(width):
                past.taps[stream, (count - 1) * width + n] = x[stream, n]
                slot[stream, n] = x[stream, n]
        past.both[:] = past.shift[layer]
        add_product(past.taps, net.gates[layer], past.both)
        gate(past.both, past.z[layer])
        if layer + 1 < layers:
            for stream in range(streams):
                for n in range(width):
                    x[stream, n] += net.residual_bias[layer, n]
            add_product(past.z[layer], net.residual[layer], x)
    for stream in range(streams):
        features[stream] = net.skip_bias
    for layer in range(layers):
        add_product(past.z[layer], net.skip[layer], features)
    rectify(features)
    past.clock[0] = now + 1


@compiled
def head(features, weights, hidden, out, bias, logits):  # type: ignore[no-untyped-def]
    """Compute logits = relu(hidden + features weights) out + bias; `hidden` (streams, channels) is overwritten."""
    add_product(features, weights, hidden)
    rectify(hidden)
    for stream in range(logits.shape[0]):
        logits[stream] = bias
    add_product(hidden, out, logits)
