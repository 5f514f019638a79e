"""`vqspeech.nn.decoders.softmax` on a CPU in bfloat16: the gradient by the logits is kept in bfloat16 instead of made again from the logits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vqspeech.kernels import softmax as kernels
from vqspeech.nn.decoders.softmax import pieces


class _SoftmaxNLL(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, levels: Tensor) -> Tensor:
        hidden, levels = hidden.contiguous(), levels.contiguous()
        nll = hidden.new_empty(len(hidden), dtype=torch.float32)
        kept = []
        for rows in pieces(len(hidden)):
            errors = torch.addmm(bias, hidden[rows], weight.T)
            kernels.errors(errors, levels[rows], nll[rows])
            if any(ctx.needs_input_grad):
                kept.append(errors)
        ctx.save_for_backward(hidden, weight, *kept)
        return nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, *kept = ctx.saved_tensors
        grad = grads[0].contiguous()
        grad_hidden = torch.empty_like(hidden)
        grad_weight = weight.new_zeros(weight.shape, dtype=torch.float32)
        grad_bias = weight.new_zeros(len(weight), dtype=torch.float32)
        for rows, errors in zip(pieces(len(hidden)), kept, strict=True):
            scaled = torch.empty_like(errors)
            grad_bias += kernels.scale(errors, grad[rows], scaled)
            torch.mm(scaled, weight, out=grad_hidden[rows])
            grad_weight += scaled.T @ hidden[rows]
        return grad_hidden, grad_weight.to(weight.dtype), grad_bias.to(weight.dtype), None


apply: Any = _SoftmaxNLL.apply
"""As ``_SoftmaxNLL.apply`` of `vqspeech.nn.decoders.softmax`, where `vqspeech.kernels.fit` holds for the number of classes."""
