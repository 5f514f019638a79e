"""The passes between the products of dilated gated layers; see `vqspeech.nn.decoders.gated`.

Rows are samples, (batch * time) of them; a frame is a stretch of rows with the same conditions. Tensors are bfloat16 or
float32, arithmetic is float32. Arguments of the entries are addresses and sizes, in the order of unpacking.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vqspeech.kernels.lanes import BFLOAT16, FLOAT32, LANES, at, fill, item, read, tanh, write
from vqspeech.kernels.numeric import compiled
from vqspeech.kernels.team import Entry, run, share


@compiled
def _spread(a, kind):  # type: ignore[no-untyped-def]
    rows, time, width, count, dilation = item(a, 0), item(a, 1), item(a, 2), item(a, 3), item(a, 4)
    add, mixed, bias = item(a, 5), at(item(a, 5), kind), at(item(a, 6), kind)
    before, stride, taps = at(item(a, 7), kind), item(a, 8), at(item(a, 9), kind)
    first, last = share(rows)
    for row in range(first, last):
        now = row % time
        for n in range(0, width, LANES):
            hidden = read(before, row * stride + n)
            if add:
                hidden = hidden + (read(mixed, row * width + n) + read(bias, n))
            write(taps, (row * count + count - 1) * width + n, hidden)
            for tap in range(count - 1):
                lag = (count - 1 - tap) * dilation
                if now < lag:
                    write(taps, (row * count + tap) * width + n, fill(FLOAT32))
                if now + lag < time:
                    write(taps, ((row + lag) * count + tap) * width + n, hidden)


@compiled
def _gate(a, kind):  # type: ignore[no-untyped-def]
    frames, samples, width = item(a, 0), item(a, 1), item(a, 2)
    conditions, pitch, both = at(item(a, 3), FLOAT32), item(a, 4), at(item(a, 5), kind)
    wide, stride, narrow = at(item(a, 6), kind), item(a, 7), at(item(a, 8), kind)
    first, last = share(frames)
    for frame in range(first, last):
        for row in range(frame * samples, (frame + 1) * samples):
            for n in range(0, width, LANES):
                here, place = row * 2 * width + n, frame * pitch + n
                t = tanh(read(both, here) + read(conditions, place))
                u = tanh(read(both, here + width) + read(conditions, place + width))
                write(both, here, t)
                write(both, here + width, u)
                z = t + t * u
                write(wide, row * stride + n, z)
                write(narrow, row * width + n, z)


@compiled
def _gate_backward(a, kind):  # type: ignore[no-untyped-def]
    frames, samples, width = item(a, 0), item(a, 1), item(a, 2)
    skip, stride, add, residual = at(item(a, 3), kind), item(a, 4), item(a, 5), at(item(a, 5), kind)
    gates, both, z = at(item(a, 6), kind), at(item(a, 7), kind), at(item(a, 8), kind)
    conditions, pitch, one = at(item(a, 9), FLOAT32), item(a, 10), fill(np.float32(1))
    first, last = share(frames)
    for frame in range(first, last):
        for n in range(0, width, LANES):
            signals = openings = fill(FLOAT32)
            for row in range(frame * samples, (frame + 1) * samples):
                here = row * 2 * width + n
                t, u, grad = read(gates, here), read(gates, here + width), read(skip, row * stride + n)
                if add:
                    grad = grad + read(residual, row * width + n)
                write(z, row * width + n, t + t * u)
                signal, opening = grad * (one + u) * (one - t * t), grad * t * (one - u * u)
                write(both, here, signal)
                write(both, here + width, opening)
                signals, openings = signals + signal, openings + opening
            write(conditions, frame * pitch + n, signals)
            write(conditions, frame * pitch + width + n, openings)


@compiled
def _gather(a, kind):  # type: ignore[no-untyped-def]
    frames, samples, time, width = item(a, 0), item(a, 1), item(a, 2), item(a, 3)
    count, dilation, taps = item(a, 4), item(a, 5), at(item(a, 6), kind)
    add, above, grad, bias = item(a, 7), at(item(a, 7), kind), at(item(a, 8), kind), at(item(a, 9), FLOAT32)
    first, last = share(frames)
    for frame in range(first, last):
        for n in range(0, width, LANES):
            sums = fill(FLOAT32)
            for row in range(frame * samples, (frame + 1) * samples):
                now = row % time
                whole = read(taps, (row * count + count - 1) * width + n)
                if add:
                    whole = whole + read(above, row * width + n)
                for tap in range(count - 1):
                    lag = (count - 1 - tap) * dilation
                    if now + lag < time:
                        whole = whole + read(taps, ((row + lag) * count + tap) * width + n)
                write(grad, row * width + n, whole)
                sums = sums + whole
            write(bias, frame * width + n, sums)


@Entry
def _spread_bf16(a):  # type: ignore[no-untyped-def]
    _spread(a, BFLOAT16)


@Entry
def _spread_fp32(a):  # type: ignore[no-untyped-def]
    _spread(a, FLOAT32)


@Entry
def _gate_bf16(a):  # type: ignore[no-untyped-def]
    _gate(a, BFLOAT16)


@Entry
def _gate_fp32(a):  # type: ignore[no-untyped-def]
    _gate(a, FLOAT32)


@Entry
def _gate_backward_bf16(a):  # type: ignore[no-untyped-def]
    _gate_backward(a, BFLOAT16)


@Entry
def _gate_backward_fp32(a):  # type: ignore[no-untyped-def]
    _gate_backward(a, FLOAT32)


@Entry
def _gather_bf16(a):  # type: ignore[no-untyped-def]
    _gather(a, BFLOAT16)


@Entry
def _gather_fp32(a):  # type: ignore[no-untyped-def]
    _gather(a, FLOAT32)


def spread(before: Tensor, mixed: Tensor | None, bias: Tensor | None, *, time: int, taps: int, dilation: int) -> Tensor:
    """Copy the hidden state, before + mixed + bias, to every tap of a layer.

    Parameters
    ----------
    before : (rows, width), each row contiguous
    mixed, bias : (rows, width) and (width,) in the same dtype; None for none
    time : rows of one sequence; the state before the first is zero
    taps, dilation : taps and dilation of the layer

    Returns
    -------
    (rows, taps, width), oldest tap first
    """
    rows, width = before.shape
    result = before.new_empty(rows, taps, width)
    entry = _spread_bf16 if before.dtype == torch.bfloat16 else _spread_fp32
    sources = (_address(mixed), _address(bias), before.data_ptr(), before.stride(0))
    run(entry, rows, time, width, taps, dilation, *sources, result.data_ptr())
    return result


def gate(both: Tensor, conditions: Tensor, wide: Tensor) -> Tensor:
    """Compute t and u, tanh of both halves of a layer with their conditions, and t + t u.

    Parameters
    ----------
    both : (rows, 2 * width) contiguous; overwritten with t and u
    conditions : (frames, 2 * width) float32, each row contiguous; rows / frames rows share a frame
    wide : (rows, width), each row contiguous; overwritten with t + t u

    Returns
    -------
    (rows, width) contiguous copy of t + t u
    """
    rows, width, frames = len(both), both.shape[1] // 2, len(conditions)
    narrow = both.new_empty(rows, width)
    entry = _gate_bf16 if both.dtype == torch.bfloat16 else _gate_fp32
    places = (conditions.data_ptr(), conditions.stride(0), both.data_ptr(), wide.data_ptr(), wide.stride(0))
    run(entry, frames, rows // frames, width, *places, narrow.data_ptr())
    return narrow


def gate_backward(grad: Tensor, above: Tensor | None, tanh: Tensor, grad_conditions: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the gradient with respect to the arguments of `gate`.

    Parameters
    ----------
    grad : (rows, width) gradient with respect to t + t u, each row contiguous
    above : (rows, width) contiguous, added to `grad`; or None
    tanh : (rows, 2 * width) t and u
    grad_conditions : (frames, 2 * width) float32, each row contiguous; overwritten with the gradient of the conditions

    Returns
    -------
    The gradient with respect to `both`, (rows, 2 * width), and t + t u, (rows, width)
    """
    rows, width, frames = len(tanh), tanh.shape[1] // 2, len(grad_conditions)
    both, z = torch.empty_like(tanh), tanh.new_empty(rows, width)
    entry = _gate_backward_bf16 if tanh.dtype == torch.bfloat16 else _gate_backward_fp32
    sources = (grad.data_ptr(), grad.stride(0), _address(above), tanh.data_ptr())
    targets = (both.data_ptr(), z.data_ptr(), grad_conditions.data_ptr(), grad_conditions.stride(0))
    run(entry, frames, rows // frames, width, *sources, *targets)
    return both, z


def gather(grad: Tensor, above: Tensor | None, *, frames: int, time: int, dilation: int) -> tuple[Tensor, Tensor]:
    """Compute the gradient with respect to the arguments of `spread`, plus `above`.

    Parameters
    ----------
    grad : (rows, taps, width) contiguous gradient with respect to the result of `spread`
    above : (rows, width) contiguous, or None
    frames : parts that the rows are divided into
    time, dilation : as for `spread`

    Returns
    -------
    The gradient with respect to `before` and `mixed`, (rows, width), and to `bias`, (width,) float32
    """
    rows, taps, width = grad.shape
    result, bias = grad.new_empty(rows, width), grad.new_empty(frames, width, dtype=torch.float32)
    entry = _gather_bf16 if grad.dtype == torch.bfloat16 else _gather_fp32
    sources = (grad.data_ptr(), _address(above))
    run(entry, frames, rows // frames, time, width, taps, dilation, *sources, result.data_ptr(), bias.data_ptr())
    return result, bias.sum(0)


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
