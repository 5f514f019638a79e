"""Cross-entropy of a softmax in bfloat16, with machine code around its products.

The forward pass stores the gradient with respect to the logits, so that the backward pass need not compute them again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vqspeech.kernels import softmax as kernels


class _SoftmaxNLL(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, levels: Tensor, piece: int) -> Tensor:
        hidden, levels = hidden.contiguous(), levels.contiguous()
        nll = hidden.new_empty(len(hidden), dtype=torch.float32)
        kept = []
        for first in range(0, len(hidden), piece):
            rows = slice(first, first + piece)
            errors = torch.addmm(bias, hidden[rows], weight.T)
            kernels.errors(errors, levels[rows], nll[rows])
            if any(ctx.needs_input_grad):
                kept.append(errors)
        ctx.save_for_backward(hidden, weight, *kept)
        ctx.piece = piece
        return nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, *kept = ctx.saved_tensors
        grad = grads[0].contiguous()
        grad_hidden = torch.empty_like(hidden)
        grad_weight = weight.new_zeros(weight.shape, dtype=torch.float32)
        grad_bias = weight.new_zeros(len(weight), dtype=torch.float32)
        frozen = not any(ctx.needs_input_grad[1:3])
        for number, errors in enumerate(kept):
            rows = slice(number * ctx.piece, (number + 1) * ctx.piece)
            scaled = torch.empty_like(errors)
            grad_bias += kernels.scale(errors, grad[rows], scaled)
            torch.mm(scaled, weight, out=grad_hidden[rows])
            if not frozen:
                grad_weight += scaled.T @ hidden[rows]
        return grad_hidden, grad_weight.to(weight.dtype), grad_bias.to(weight.dtype), None, None


apply: Any = _SoftmaxNLL.apply
"""``_SoftmaxNLL.apply`` of `vqspeech.nn.decoders.softmax`, for classes that `vqspeech.kernels.fit` accepts."""
