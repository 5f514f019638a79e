"""The gated layers of a WaveNet on GPUs: one kernel per layer forward, two backward, in Triton.

A layer reads its input and writes the two results that later layers and the skip path need: 384 bytes per sample at 64
channels in bfloat16, where tensor operations move about 1.9 kB. Taps are gathered as the product reads them; gates,
residual product and addition follow in registers. The backward pass computes the gates again from the layer's input.
Gradients of weights are products of cuBLAS. The equations are those of `vqspeech.nn.decoders.wavenet.residual_block`.

Import this module only where Triton is installed. With ``TRITON_INTERPRET=1`` it runs on CPUs, for tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

MOST_ROWS = 64
"""Samples that a block computes at a time."""


@triton.jit
def _gate_weights(weights, WIDTH: tl.constexpr, TAPS: tl.constexpr, INPUTS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Load the weights (INPUTS, WIDTH) of f and of g; inputs beyond the taps are zero."""
    source, channel = tl.arange(0, INPUTS), tl.arange(0, WIDTH)
    places = weights + source[:, None] * (2 * WIDTH) + channel[None, :]
    inside = (source < TAPS * WIDTH)[:, None]
    return tl.load(places, mask=inside, other=0.0), tl.load(places + WIDTH, mask=inside, other=0.0)


@triton.jit
def _gates(  # type: ignore[no-untyped-def]
    x,
    for_signal,
    for_opening,
    conditions,
    base,
    place,
    real,
    dilation,
    WIDTH: tl.constexpr,
    TAPS: tl.constexpr,
    INPUTS: tl.constexpr,
):
    """Compute tanh(f) and sigmoid(g) (rows, WIDTH) of some samples."""
    channel, source = tl.arange(0, WIDTH), tl.arange(0, INPUTS)
    tap = source // WIDTH
    seen = place[:, None] - (TAPS - 1 - tap)[None, :] * dilation
    inside = real[:, None] & (seen >= 0) & (tap < TAPS)[None, :]
    taps = tl.load(x + (base + seen) * WIDTH + (source % WIDTH)[None, :], mask=inside, other=0.0)
    signal = tl.dot(taps, for_signal, input_precision="ieee")
    opening = tl.dot(taps, for_opening, input_precision="ieee")
    signal += tl.load(conditions + channel).to(tl.float32)[None, :]
    opening += tl.load(conditions + WIDTH + channel).to(tl.float32)[None, :]
    return 2 * tl.sigmoid(2 * signal) - 1, tl.sigmoid(opening)


@triton.jit
def forward_layer(  # type: ignore[no-untyped-def]
    x,
    weights,
    conditions,
    mix,
    bias,
    z,
    above,
    time,
    dilation,
    condition_stride,
    z_stride,
    WIDTH: tl.constexpr,
    TAPS: tl.constexpr,
    INPUTS: tl.constexpr,
    SAMPLES: tl.constexpr,
    ROWS: tl.constexpr,
    LAST: tl.constexpr,
):
    """Compute z and the input of the layer above, for one conditioning frame."""
    frame, frames = tl.program_id(0), tl.num_programs(0)
    row = tl.program_id(1).to(tl.int64)
    base, channel = row * time, tl.arange(0, WIDTH)
    conditions += (row * frames + frame) * condition_stride
    for_signal, for_opening = _gate_weights(weights, WIDTH, TAPS, INPUTS)
    # R^T
    mixed = tl.load(mix + channel[None, :] * WIDTH + channel[:, None])
    constant = tl.load(bias + channel).to(tl.float32)
    for first in range(0, SAMPLES, ROWS):
        within = first + tl.arange(0, ROWS)
        place, real = frame * SAMPLES + within, within < SAMPLES
        signal, opening = _gates(
            x, for_signal, for_opening, conditions, base, place, real, dilation, WIDTH, TAPS, INPUTS
        )
        gated = (signal * opening).to(x.dtype.element_ty)
        tl.store(z + (base + place)[:, None] * z_stride + channel[None, :], gated, mask=real[:, None])
        if not LAST:
            rows = (base + place)[:, None] * WIDTH + channel[None, :]
            hidden = tl.load(x + rows, mask=real[:, None], other=0.0).to(tl.float32)
            result = tl.dot(gated, mixed, hidden, input_precision="ieee") + constant[None, :]
            tl.store(above + rows, result.to(x.dtype.element_ty), mask=real[:, None])


@triton.jit
def backward_gates(  # type: ignore[no-untyped-def]
    x,
    weights,
    conditions,
    mix,
    grad_z,
    grad_above,
    grad_both,
    grad_conditions,
    time,
    dilation,
    condition_stride,
    z_stride,
    WIDTH: tl.constexpr,
    TAPS: tl.constexpr,
    INPUTS: tl.constexpr,
    SAMPLES: tl.constexpr,
    ROWS: tl.constexpr,
    LAST: tl.constexpr,
):
    """Compute the gradients of [f, g] and of the conditions, for one conditioning frame."""
    frame, frames = tl.program_id(0), tl.num_programs(0)
    row = tl.program_id(1).to(tl.int64)
    base, channel = row * time, tl.arange(0, WIDTH)
    conditions += (row * frames + frame) * condition_stride
    grad_conditions += (row * frames + frame) * condition_stride
    for_signal, for_opening = _gate_weights(weights, WIDTH, TAPS, INPUTS)
    mixed = tl.load(mix + channel[:, None] * WIDTH + channel[None, :])
    signals = tl.zeros((WIDTH,), tl.float32)
    openings = tl.zeros((WIDTH,), tl.float32)
    for first in range(0, SAMPLES, ROWS):
        within = first + tl.arange(0, ROWS)
        place, real = frame * SAMPLES + within, within < SAMPLES
        signal, opening = _gates(
            x, for_signal, for_opening, conditions, base, place, real, dilation, WIDTH, TAPS, INPUTS
        )
        rows = (base + place)[:, None]
        grad = tl.load(grad_z + rows * z_stride + channel[None, :], mask=real[:, None], other=0.0).to(tl.float32)
        if not LAST:
            outer = tl.load(grad_above + rows * WIDTH + channel[None, :], mask=real[:, None], other=0.0)
            grad = tl.dot(outer, mixed, grad, input_precision="ieee")
        grad_signal = grad * opening * (1 - signal * signal)
        grad_opening = grad * signal * opening * (1 - opening)
        both = grad_both + rows * (2 * WIDTH) + channel[None, :]
        tl.store(both, grad_signal.to(x.dtype.element_ty), mask=real[:, None])
        tl.store(both + WIDTH, grad_opening.to(x.dtype.element_ty), mask=real[:, None])
        # Rows beyond the frame have no gradient.
        signals += tl.sum(grad_signal, 0)
        openings += tl.sum(grad_opening, 0)
    tl.store(grad_conditions + channel, signals)
    tl.store(grad_conditions + WIDTH + channel, openings)


@triton.jit
def backward_taps(  # type: ignore[no-untyped-def]
    grad_both,
    weights,
    grad_above,
    grad_x,
    time,
    dilation,
    WIDTH: tl.constexpr,
    TAPS: tl.constexpr,
    ROWS: tl.constexpr,
    LAST: tl.constexpr,
):
    """Compute the gradient of a layer's input from those of [f, g] and of the input of the layer above."""
    base = tl.program_id(1).to(tl.int64) * time
    place, channel, double = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, WIDTH), tl.arange(0, 2 * WIDTH)
    rows, real = (base + place)[:, None] * WIDTH + channel[None, :], place < time
    grad = tl.zeros((ROWS, WIDTH), tl.float32)
    if not LAST:
        grad += tl.load(grad_above + rows, mask=real[:, None], other=0.0).to(tl.float32)
    for tap in tl.static_range(TAPS):
        reader = place + (TAPS - 1 - tap) * dilation
        both = grad_both + (base + reader)[:, None] * (2 * WIDTH) + double[None, :]
        outer = tl.load(both, mask=(reader < time)[:, None], other=0.0)
        weight = tl.load(weights + (tap * WIDTH + channel)[None, :] * (2 * WIDTH) + double[:, None])
        grad = tl.dot(outer, weight, grad, input_precision="ieee")
    tl.store(grad_x + rows, grad.to(grad_x.dtype.element_ty), mask=real[:, None])


def triton_stack(
    hidden: Tensor,
    conditions: Tensor,
    gates: Sequence[Tensor],
    residual: Sequence[tuple[Tensor, Tensor]],
    dilations: Sequence[int],
) -> Tensor:
    """Compute the outputs z of all gated layers, side by side.

    Parameters
    ----------
    hidden : (batch, time, width) input of the first layer, in the dtype to compute in; width a power of two from 16
    conditions : (batch, frames, layers, 2 * width), each frame for time / frames samples
    gates : W of each layer, (taps, width, 2 * width), oldest tap first
    residual : (R, b) of every layer but the last, (width, width) as `torch.nn.Linear` has it and (width,)
    dilations : of each layer, in samples

    Returns
    -------
    (batch, time, layers * width), differentiable once in every tensor
    """
    dtype = hidden.dtype
    weights = [
        *(weight.to(dtype) for weight in gates),
        *(weight.to(dtype) for weight, _ in residual),
        *(bias.to(dtype) for _, bias in residual),
    ]
    result: Tensor = _TritonStack.apply(hidden.contiguous(), conditions.contiguous(), tuple(dilations), *weights)
    return result


class _TritonStack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, conditions: Tensor, dilations: tuple[int, ...], *weights: Tensor) -> Tensor:
        layers = len(dilations)
        gates, mixes, biases = weights[:layers], weights[layers : 2 * layers - 1], weights[2 * layers - 1 :]
        batch, time, width = hidden.shape
        gated = hidden.new_empty(batch, time, layers * width)
        states = []
        for layer, dilation in enumerate(dilations):
            last = layer == layers - 1
            above = hidden if last else torch.empty_like(hidden)
            z = gated[..., layer * width :]
            # The last layer has none; its kernel reads any numbers and does not use them.
            mix, bias = (gates[layer], gates[layer]) if last else (mixes[layer], biases[layer])
            grid, sizes, options = _launch(conditions, time, gates[layer], last)
            forward_layer[grid](
                hidden, gates[layer], conditions[:, :, layer], mix, bias, z, above, time, dilation, *sizes, **options
            )
            states.append(hidden)
            hidden = above
        ctx.save_for_backward(gated, conditions, *states, *gates, *mixes)
        ctx.dilations = dilations
        return gated

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        dilations, layers = ctx.dilations, len(ctx.dilations)
        gated, conditions, *saved = ctx.saved_tensors
        states, gates, mixes = saved[:layers], saved[layers : 2 * layers], saved[2 * layers :]
        batch, time, width = states[0].shape
        grad_gated = grads[0].contiguous()
        grad_conditions = torch.empty_like(conditions, dtype=torch.float32)
        grad_gates: list[Tensor | None] = [None] * layers
        grad_mixes: list[Tensor | None] = [None] * (layers - 1)
        grad_biases: list[Tensor | None] = [None] * (layers - 1)
        both = states[0].new_empty(batch, time, 2 * width)
        grad = states[0]  # of the layer above, which the last layer has not
        for layer in reversed(range(layers)):
            last, gate, dilation = layer == layers - 1, gates[layer], dilations[layer]
            span = slice(layer * width, (layer + 1) * width)
            mix = gate if last else mixes[layer]
            if not last:
                grad_mixes[layer] = _summed(grad, gated[..., span])
                grad_biases[layer] = grad.sum((0, 1), dtype=torch.float32).to(grad.dtype)
            grid, sizes, options = _launch(conditions, time, gate, last)
            places = (grad_gated[..., span], grad, both, grad_conditions[:, :, layer])
            backward_gates[grid](
                states[layer], gate, conditions[:, :, layer], mix, *places, time, dilation, *sizes, **options
            )
            lags = [min((len(gate) - 1 - tap) * dilation, time) for tap in range(len(gate))]
            parts = [_summed(states[layer][:, : time - lag], both[:, lag:]) for lag in lags]
            grad_gates[layer] = torch.stack(parts)
            below = torch.empty_like(states[layer])
            fixed = {name: value for name, value in options.items() if name not in ("SAMPLES", "INPUTS")}
            grid = (triton.cdiv(time, fixed["ROWS"]), batch)
            backward_taps[grid](both, gate, grad, below, time, dilation, **fixed)
            grad = below
        return grad, grad_conditions.to(conditions.dtype), None, *grad_gates, *grad_mixes, *grad_biases


def _launch(
    conditions: Tensor, time: int, gate: Tensor, last: bool
) -> tuple[tuple[int, int], tuple[int, int], dict[str, Any]]:
    """Return the grid, the strides of conditions and outputs, and the fixed numbers of a layer's kernels."""
    batch, frames, layers, _ = conditions.shape
    taps, width, _ = gate.shape
    samples = time // frames
    rows = max(16, min(MOST_ROWS, triton.next_power_of_2(samples)))
    inputs = triton.next_power_of_2(taps * width)
    fixed = {"WIDTH": width, "TAPS": taps, "INPUTS": inputs, "SAMPLES": samples, "ROWS": rows, "LAST": last}
    return (frames, batch), (layers * 2 * width, layers * width), {**fixed, **block(width)}


def block(width: int) -> dict[str, int]:
    """Return warps and stages of a block: two of 64 channels fit a multiprocessor, or one of 128 without stages."""
    return {"num_warps": 4, "num_stages": 2} if width <= 64 else {"num_warps": 8, "num_stages": 1}


def _summed(left: Tensor, right: Tensor) -> Tensor:
    """Compute the product left^T right (inputs, outputs), summed over (batch, time)."""
    return (left.mT @ right).sum(0, dtype=torch.float32).to(left.dtype)
