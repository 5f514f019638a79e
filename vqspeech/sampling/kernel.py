"""The loop over samples of the CPU engine, in numba, on register tiles (see `tile`).

Numba caches the machine code in ``__pycache__`` by the date of this file: touch it after changing `tile` or `numeric`.
"""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int64

from vqspeech.kernels.numeric import compiled, exp32, float_of_bits
from vqspeech.nn.decoders.mulaw import LEVELS
from vqspeech.sampling.tile import LANES, SHARED, make_tile

tile_1x8, tile_1x4, tile_1x2, tile_1x1 = (make_tile(1, vectors) for vectors in (8, 4, 2, 1))
tile_4x4, tile_4x2, tile_4x1 = (make_tile(4, vectors) for vectors in (4, 2, 1))


@compiled
def product(x, at, stride, rows, count, w, panel, y, to, pitch, vectors, widest, per_word):  # type: ignore[no-untyped-def]
    """Add products of rows of x and the panels W to rows of y; return where W ends.

    W lies in `w` from `panel` on, in panels of up to `widest` vectors as `packing.panels` makes them.

    Every output is summed over k in order, independently of the number of rows, so a stream's result does not depend on
    the others.
    """
    while vectors > 0:
        size = widest
        while size > vectors:
            size //= 2
        for row in range(0, rows - 3, 4):
            here, there = at + row * stride, to + row * pitch
            if size == 4:
                tile_4x4(x, here, stride, count, w, panel, y, there, pitch)
            elif size == 2:
                tile_4x2(x, here, stride, count, w, panel, y, there, pitch)
            elif size == 1:
                tile_4x1(x, here, stride, count, w, panel, y, there, pitch)
            else:
                for one in range(4):
                    tile_1x8(x, here + one * stride, stride, count, w, panel, y, there + one * pitch, pitch)
        for row in range(rows - rows % 4, rows):
            here, there = at + row * stride, to + row * pitch
            if size == 8:
                tile_1x8(x, here, stride, count, w, panel, y, there, pitch)
            elif size == 4:
                tile_1x4(x, here, stride, count, w, panel, y, there, pitch)
            elif size == 2:
                tile_1x2(x, here, stride, count, w, panel, y, there, pitch)
            else:
                tile_1x1(x, here, stride, count, w, panel, y, there, pitch)
        panel += count * size * LANES // per_word
        to += size * LANES
        vectors -= size
    return panel


@compiled
def gate(g, at, z, to, width):  # type: ignore[no-untyped-def]
    """Compute z = tanh(f) sigmoid(h) of g = [f | h].

    It is (a - 1) / ((a + 1) (b + 1)) with a = exp(2 f), b = exp(-h). The error is below 3e-7.
    """
    f, h, z = g[at : at + width], g[at + width : at + 2 * width], z[to : to + width]
    for n in range(width):
        a = exp32(float32(2) * min(max(f[n], float32(-10)), float32(10)))
        b = exp32(min(max(-h[n], float32(-80)), float32(80)))
        z[n] = (a - float32(1)) / ((a + float32(1)) * (b + float32(1)))


@compiled
def copy(source, at, target, to, count):  # type: ignore[no-untyped-def]
    """Copy `count` numbers: target[to:...] = source[at:...]."""
    # A loop, since numba checks the sign of every index of a slice.
    source, target = source[at : at + count], target[to : to + count]
    for n in range(count):
        target[n] = source[n]


@compiled
def add(first, at, second, here, target, to, count):  # type: ignore[no-untyped-def]
    """Add `count` numbers: target[to:...] = first[at:...] + second[here:...]."""
    first, second, target = first[at : at + count], second[here : here + count], target[to : to + count]
    for n in range(count):
        target[n] = first[n] + second[n]


@compiled
def rectify(array, at, count):  # type: ignore[no-untyped-def]
    """Set negative numbers to zero, in place."""
    array = array[at : at + count]
    for n in range(count):
        array[n] = max(array[n], float32(0))


@compiled
def _exp64(x):  # type: ignore[no-untyped-def]
    """Compute exp of a float64 <= 0 with a relative error below 1e-15; 0 below -708."""
    x = max(x, -710.0)
    n = np.floor(x * 1.4426950408889634074 + 0.5)
    r = x - n * 6.93145751953125e-1 - n * 1.42860682030941723212e-6
    p = 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 1 / 2
    p = p * r * r + r + 1
    scale = float_of_bits((int64(max(n, -1022.0)) + int64(1023)) << int64(52))
    return p * scale if x > -708.0 else 0.0


@compiled
def choose(logits, at, uniform, temperature, cumulative):  # type: ignore[no-untyped-def]
    """Draw as `reference.choose` from 256 logits at `at`; `cumulative` is float64 scratch."""
    logits = logits[at : at + LEVELS]
    peak = logits[0]
    for level in range(LEVELS):
        peak = max(peak, logits[level])
    if temperature == 0:
        best = 0
        while logits[best] < peak:
            best += 1
        return best
    for level in range(LEVELS):
        cumulative[level] = _exp64((float64(logits[level]) - float64(peak)) / temperature)
    total = 0.0
    for level in range(LEVELS):
        total += cumulative[level]
        cumulative[level] = total
    passed, threshold = 0, uniform * total
    for level in range(LEVELS):
        passed += cumulative[level] <= threshold
    return min(passed, LEVELS - 1)


@compiled
def gather(rings, ring, now, streams, rows, block, dilation, taps, width, padded, x):  # type: ignore[no-untyped-def]
    """Copy the past of a layer for the samples from `now` on into `x` (rows, block, taps - 1, width)."""
    length, to = (taps - 1) * dilation, 0
    for row in range(rows):
        for step in range(block):
            for tap in range(taps - 1):
                slot = (now + step + tap * dilation) % length
                copy(rings, ring + (slot * streams + row) * padded, x, to, width)
                to += width


@compiled
def clear(array, at, count):  # type: ignore[no-untyped-def]
    """Set `count` numbers from `at` on to zero."""
    array = array[at : at + count]
    for n in range(count):
        array[n] = 0


@compiled
def draw(net, state, conditions, condition_samples, uniforms, temperature, forced, levels, seen):  # type: ignore[no-untyped-def]
    """Draw the next samples of the first streams of a state.

    Parameters
    ----------
    net : the fields of `packing.Packed` after `taps`, see `cpu.Net`
    state : see `cpu.State`
    conditions : (frames, layers, rows, 2 * padded_width) float32, flat
    uniforms : (rows, time) float64
    forced : (rows, time) int64 levels to take instead of drawing them; empty to draw
    levels : (rows, time) int64, the result
    seen : (rows, time, 256) float32, receives the logits; empty to skip them
    """
    streams, layers = len(state.level), len(net.dilations)
    rows, time = levels.shape
    width, padded, skip, skips = net.width, net.padded_width, net.skip, net.padded_skip
    span, pitch, doubled = (net.taps - 1) * width, padded + skips, 2 * padded
    skip_vectors, gate_vectors = skips // LANES, doubled // LANES
    # Fields by name would count references at every use.
    taps, widest, per_word = net.taps, net.panel, net.per_word
    now_weights, past_weights, dilations, blocks = net.now, net.past, net.dilations, net.blocks
    embedding, residual_bias, head_bias = net.embedding, net.residual_bias, net.head_bias
    level_of, clock, rings, ahead_of, x = state.level, state.clock, state.rings, state.ahead, state.x
    y, g, z, head = state.y, state.g, state.z, state.head
    # Typed numbers, since numba compiles anew for each constant.
    logits, start, shared, classes = rows * skips, int64(0), int64(SHARED), int64(LEVELS)
    cumulative = np.zeros(LEVELS)
    for sample in range(time):
        now = clock[0]
        condition = sample // condition_samples * layers * rows * doubled
        for row in range(rows):
            copy(embedding, level_of[row] * padded, y, row * pitch, padded)
            copy(head_bias, start, y, row * pitch + padded, skips)
            copy(head_bias, skips, head, row * skips, skips)
            copy(head_bias, 2 * skips, head, logits + row * LEVELS, classes)
        panel = past_panel = ring = ahead = start
        for layer in range(layers):
            if span:
                dilation, block = dilations[layer], blocks[layer]
                length, turn = (taps - 1) * dilation, now % block
                if turn == 0:
                    gather(rings, ring, now, streams, rows, block, dilation, taps, width, padded, x)
                    clear(ahead_of, ahead, rows * block * doubled)
                    product(
                        x, start, span, rows * block, span, past_weights, past_panel,
                        ahead_of, ahead, doubled, gate_vectors, shared, per_word,
                    )  # fmt: skip
                slot = ring + now % length * streams * padded
                for row in range(rows):
                    copy(y, row * pitch, rings, slot + row * padded, padded)
                    known = ahead + (row * block + turn) * doubled
                    add(ahead_of, known, conditions, condition + row * doubled, g, row * doubled, doubled)
                past_panel += span * doubled // per_word
                ring += length * streams * padded
                ahead += block * streams * doubled
            else:
                copy(conditions, condition, g, start, rows * doubled)
            condition += rows * doubled
            panel = product(
                y, start, pitch, rows, width, now_weights, panel, g, start, doubled, gate_vectors, widest, per_word
            )
            for row in range(rows):
                gate(g, row * doubled, z, row * padded, padded)
            # The last layer has no residual path.
            first = start if layer < layers - 1 else padded
            vectors = (padded - first) // LANES + skip_vectors
            panel = product(
                z, start, padded, rows, width, now_weights, panel, y, first, pitch, vectors, widest, per_word
            )
            for row in range(rows):
                add(y, row * pitch, residual_bias, layer * padded, y, row * pitch, padded)
        for row in range(rows):
            rectify(y, row * pitch + padded, skips)
        panel = product(
            y, padded, pitch, rows, skip, now_weights, panel, head, start, skips, skip_vectors, widest, per_word
        )
        rectify(head, start, logits)
        product(
            head, start, skips, rows, skip, now_weights, panel,
            head, logits, classes, classes // LANES, widest, per_word,
        )  # fmt: skip
        for row in range(rows):
            if seen.size:
                for level in range(LEVELS):
                    seen[row, sample, level] = head[logits + row * LEVELS + level]
            if forced.size:
                level = forced[row, sample]
            else:
                level = choose(head, logits + row * LEVELS, uniforms[row, sample], temperature, cumulative)
            levels[row, sample] = level_of[row] = level
        clock[0] = now + 1
