"""The gated layers of a WaveNet on CPUs: one autograd function with a hand-written backward pass.

Training a small WaveNet on a CPU is limited by memory traffic. Each layer here is one product over its taps, one tanh
over both halves of its gates, and one pass for their product; the backward pass needs the input and the tanh of each
layer. `vqspeech.nn.decoders.gated_cpu` needs fewer passes where `vqspeech.kernels` can be used. The same equations,
layer by layer, are in `vqspeech.nn.decoders.wavenet`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vqspeech.kernels import fit


def gated_stack(
    hidden: Tensor,
    conditions: Tensor,
    gates: Sequence[Tensor],
    residual: Sequence[tuple[Tensor, Tensor]],
    dilations: Sequence[int],
) -> Tensor:
    """Compute twice the outputs of all gated layers, side by side.

    Layer l: [f, g] = sum_k W_lk x(t - (K - 1 - k) d_l) + c_l, z_l = tanh(f) sigmoid(g), x <- x + R_l z_l + b_l
    (van den Oord et al. 2016, arXiv 1609.03499, eq. 2 and 3). Since sigmoid(g) = (1 + tanh(g / 2)) / 2,
    2 z = t + t u with t = tanh(f) and u = tanh(g / 2). Before the first sample x is zero in every layer.

    Parameters
    ----------
    hidden : (batch, time, width) input of the first layer, in the dtype to compute in
    conditions : (batch, frames, layers, 2 * width), each frame for time / frames samples
    gates : W of each layer, (taps, width, 2 * width), oldest tap first
    residual : (R, b) of every layer but the last, (width, width) as `torch.nn.Linear` has it and (width,)
    dilations : d of each layer, in samples

    Returns
    -------
    (batch, time, layers * width), 2 z of layer 0, 1, ...; differentiable in every tensor
    """
    weights = halved_weights(gates, residual, hidden.dtype)
    return halved_stack(hidden, halved(conditions.to(hidden.dtype)), weights, dilations)


def halved(both: Tensor) -> Tensor:
    """Halve the second half of the last axis, g: the stack computes tanh(g / 2)."""
    width = both.shape[-1] // 2
    return both * torch.cat([torch.ones(width), torch.full((width,), 0.5)]).to(both)


def halved_weights(
    gates: Sequence[Tensor], residual: Sequence[tuple[Tensor, Tensor]], dtype: torch.dtype
) -> list[Tensor]:
    """Return the weights of `gated_stack` as `halved_stack` needs them: W, then R / 2, then b of each layer."""
    return [
        *(halved(weight.to(dtype)) for weight in gates),
        *(0.5 * weight.to(dtype) for weight, _ in residual),
        *(bias.to(dtype) for _, bias in residual),
    ]


def halved_stack(hidden: Tensor, conditions: Tensor, weights: Sequence[Tensor], dilations: Sequence[int]) -> Tensor:
    """Compute `gated_stack` from `halved` conditions and weights, all in the dtype of `hidden`."""
    apply: Any = _GatedStack.apply
    if fit(hidden, hidden.shape[-1]):
        from vqspeech.nn.decoders.gated_cpu import apply
    return apply(hidden, conditions, tuple(dilations), *weights)


class _GatedStack(torch.autograd.Function):
    """`gated_stack` by tensor operations; the factors 1/2 are in the weights already."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, conditions: Tensor, dilations: tuple[int, ...], *weights: Tensor) -> Tensor:
        layers = len(dilations)
        gates, mixes, biases = weights[:layers], weights[layers : 2 * layers - 1], weights[2 * layers - 1 :]
        batch, time, width = hidden.shape
        gated = hidden.new_empty(batch, time, layers * width)
        states, tanhs = [], []
        for layer, (dilation, gate) in enumerate(zip(dilations, gates, strict=True)):
            both = _taps(hidden, len(gate), dilation).flatten(0, 1) @ gate.flatten(0, 1)
            both.view(batch, conditions.shape[1], -1, 2 * width).add_(conditions[:, :, None, layer])
            both = both.tanh_().view(batch, time, 2 * width)
            z = gated[..., layer * width : (layer + 1) * width]
            torch.addcmul(both[..., :width], both[..., :width], both[..., width:], out=z)
            states.append(hidden)
            tanhs.append(both)
            if layer + 1 < layers:
                step = torch.addmm(biases[layer], z.flatten(0, 1), mixes[layer].T)
                hidden = step.view(batch, time, width).add_(hidden)
        ctx.save_for_backward(gated, *states, *tanhs, *gates, *mixes)
        ctx.dilations, ctx.frames = dilations, conditions.shape[1]
        return gated

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad_gated,) = grads
        dilations, layers = ctx.dilations, len(ctx.dilations)
        gated, *saved = ctx.saved_tensors
        states, tanhs, gates, mixes = (
            saved[:layers],
            saved[layers : 2 * layers],
            saved[2 * layers : 3 * layers],
            saved[3 * layers :],
        )
        batch, time, width = states[0].shape
        rows = batch * time
        grad_conditions = gated.new_empty(batch, ctx.frames, layers, 2 * width)
        grad_gates: list[Tensor | None] = [None] * layers
        grad_mixes: list[Tensor | None] = [None] * (layers - 1)
        grad_biases: list[Tensor | None] = [None] * (layers - 1)
        # gradient with respect to the input of the layer above
        grad = None
        both = torch.empty_like(tanhs[0])
        for layer in reversed(range(layers)):
            span = slice(layer * width, (layer + 1) * width)
            grad_z = grad_gated[..., span].reshape(rows, width)
            if grad is not None:
                above = grad.view(rows, width)
                grad_mixes[layer] = above.T @ gated[..., span].reshape(rows, width)
                grad_biases[layer] = above.sum(0)
                grad_z = torch.addmm(grad_z, above, mixes[layer])
            grad_z = grad_z.view(batch, time, width)
            tanh = tanhs[layer]
            torch.addcmul(grad_z, grad_z, tanh[..., width:], out=both[..., :width])
            torch.mul(grad_z, tanh[..., :width], out=both[..., width:])
            torch.ops.aten.tanh_backward.grad_input(both, tanh, grad_input=both)
            grad_conditions[:, :, layer] = both.view(batch, ctx.frames, -1, 2 * width).sum(2)
            gate, dilation = gates[layer], dilations[layer]
            taps = _taps(states[layer], len(gate), dilation).flatten(0, 1)
            grad_gates[layer] = (taps.T @ both.view(rows, -1)).view_as(gate)
            grad_taps = (both.view(rows, -1) @ gate.flatten(0, 1).T).view(batch, time, len(gate), width)
            newest = grad_taps[:, :, -1]
            grad = newest + grad if grad is not None else newest.clone(memory_format=torch.contiguous_format)
            for back in range(1, len(gate)):
                lag = back * dilation
                if lag < time:
                    grad[:, : time - lag] += grad_taps[:, lag:, -1 - back]
        return grad, grad_conditions, None, *grad_gates, *grad_mixes, *grad_biases


def _taps(hidden: Tensor, count: int, dilation: int) -> Tensor:
    """Concatenate the taps of a causal dilated convolution, (batch, time, count * width)."""
    batch, time, width = hidden.shape
    taps = hidden.new_empty(batch, time, count, width)
    for tap in range(count):
        lag = min((count - 1 - tap) * dilation, time)
        taps[:, :lag, tap] = 0
        taps[:, lag:, tap] = hidden[:, : time - lag]
    return taps.flatten(2)
