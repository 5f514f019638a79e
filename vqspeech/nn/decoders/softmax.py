"""The softmax's cross-entropy on CPUs, without storing the logits of all samples.

Logits are computed for a few thousand rows at a time, which fit into the processor's cache, and again in the backward
pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.kernels import fit

PIECE = 4096
"""Rows whose logits exist at a time: 256 of them in float32 are 4 MiB."""


def softmax_nll(hidden: Tensor, weight: Tensor, bias: Tensor, levels: Tensor) -> Tensor:
    """Compute -log softmax(hidden weight^T + bias) at the given levels, in nats.

    Parameters
    ----------
    hidden : (rows, channels), in the dtype to compute products in
    weight : (classes, channels)
    bias : (classes,)
    levels : (rows,) int64

    Returns
    -------
    (rows,) float32, or float64 for float64; differentiable in the first three
    """
    apply: Any = _SoftmaxNLL.apply
    if hidden.dtype == torch.bfloat16 and fit(hidden, len(weight)):
        from vqspeech.nn.decoders.softmax_cpu import apply
    return apply(hidden, weight.to(hidden.dtype), bias.to(hidden.dtype), levels, PIECE)


class _SoftmaxNLL(torch.autograd.Function):
    """`softmax_nll` by tensor operations, in pieces of some rows."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, levels: Tensor, piece: int) -> Tensor:
        ctx.save_for_backward(hidden, weight, bias, levels)
        ctx.piece = piece
        dtype = torch.promote_types(hidden.dtype, torch.float32)
        nll = hidden.new_empty(len(hidden), dtype=dtype)
        for first in range(0, len(hidden), piece):
            rows = slice(first, first + piece)
            logits = torch.addmm(bias, hidden[rows], weight.T).to(dtype)
            nll[rows] = F.cross_entropy(logits, levels[rows], reduction="none")
        return nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, levels = ctx.saved_tensors
        (grad,) = grads
        dtype = torch.promote_types(hidden.dtype, torch.float32)
        grad_hidden = torch.empty_like(hidden)
        grad_weight, grad_bias = weight.new_zeros(weight.shape, dtype=dtype), bias.new_zeros(bias.shape, dtype=dtype)
        for first in range(0, len(hidden), ctx.piece):
            rows = slice(first, first + ctx.piece)
            error = torch.addmm(bias, hidden[rows], weight.T).softmax(-1, dtype=dtype)
            error.scatter_add_(1, levels[rows, None], error.new_full((len(error), 1), -1.0))
            error = (error * grad[rows, None]).to(hidden.dtype)
            torch.mm(error, weight, out=grad_hidden[rows])
            grad_weight += error.T @ hidden[rows]
            grad_bias += error.sum(0, dtype=dtype)
        return grad_hidden, grad_weight.to(weight.dtype), grad_bias.to(bias.dtype), None, None
