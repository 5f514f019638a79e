"""Gated layers with machine code between the products, in bfloat16 and float32.

The taps of every layer are kept for the backward pass: reading them costs less than computing them again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vqspeech.kernels import gates as kernels


class _GatedStack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, conditions: Tensor, dilations: tuple[int, ...], *weights: Tensor) -> Tensor:
        layers = len(dilations)
        gates, mixes, biases = weights[:layers], weights[layers : 2 * layers - 1], weights[2 * layers - 1 :]
        batch, time, width = hidden.shape
        conditions = conditions.flatten(0, 1).float()
        gated = hidden.new_empty(batch * time, layers * width)
        before, mixed, bias = hidden.flatten(0, 1).contiguous(), None, None
        taps, tanhs = [], []
        for layer, (dilation, gate) in enumerate(zip(dilations, gates, strict=True)):
            spread = kernels.spread(before, mixed, bias, time=time, taps=len(gate), dilation=dilation)
            both = spread.flatten(1) @ gate.flatten(0, 1)
            z = kernels.gate(both, conditions[:, layer], gated[:, layer * width : (layer + 1) * width])
            if any(ctx.needs_input_grad):
                taps.append(spread)
                tanhs.append(both)
            if layer + 1 < layers:
                before, mixed, bias = spread[:, -1], z @ mixes[layer].T, biases[layer]
        ctx.save_for_backward(*taps, *tanhs, *gates, *mixes)
        ctx.dilations, ctx.frames, ctx.time = dilations, len(conditions), time
        return gated.view(batch, time, layers * width)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        dilations, layers, frames, time = ctx.dilations, len(ctx.dilations), ctx.frames, ctx.time
        saved = ctx.saved_tensors
        taps, tanhs, gates, mixes = (
            saved[:layers],
            saved[layers : 2 * layers],
            saved[2 * layers : 3 * layers],
            saved[3 * layers :],
        )
        rows, _, width = taps[0].shape
        grad_gated = grads[0].reshape(rows, layers * width)
        grad_conditions = grad_gated.new_empty(frames, layers, 2 * width, dtype=torch.float32)
        grad_gates: list[Tensor | None] = [None] * layers
        grad_mixes: list[Tensor | None] = [None] * (layers - 1)
        grad_biases: list[Tensor | None] = [None] * (layers - 1)
        # The weights are frozen while a voice is fitted.
        frozen = not any(ctx.needs_input_grad[3:])
        # gradient with respect to the input of the layer above
        grad = None
        for layer in reversed(range(layers)):
            gate, tap = gates[layer], taps[layer].flatten(1)
            above = grad @ mixes[layer] if grad is not None else None
            both, z = kernels.gate_backward(
                grad_gated[:, layer * width : (layer + 1) * width], above, tanhs[layer], grad_conditions[:, layer]
            )
            if grad is not None and not frozen:
                grad_mixes[layer] = grad.T @ z
            if not frozen:
                grad_gates[layer] = (tap.T @ both).view_as(gate)
            grad, bias = kernels.gather(
                (both @ gate.flatten(0, 1).T).view_as(taps[layer]),
                grad,
                frames=frames,
                time=time,
                dilation=dilations[layer],
            )
            if layer:
                grad_biases[layer - 1] = bias.to(grad.dtype)
        # there is at least one layer
        assert grad is not None
        batch = rows // time
        return (
            grad.view(batch, time, width),
            grad_conditions.to(grad.dtype).view(batch, frames // batch, layers, 2 * width),
            None,
            *grad_gates,
            *grad_mixes,
            *grad_biases,
        )


apply: Any = _GatedStack.apply
"""``_GatedStack.apply`` of `vqspeech.nn.decoders.gated`, for a width that `vqspeech.kernels.fit` accepts."""
