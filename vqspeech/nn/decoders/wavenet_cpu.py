"""The likelihood of a WaveNet on CPUs: hand-written passes, in pieces of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.nn.decoders.gated import halved, halved_stack, halved_weights
from vqspeech.nn.decoders.softmax import softmax_nll
from vqspeech.nn.pieces import number_of_pieces, piecewise


class Affine(NamedTuple):
    """Weight (outputs, inputs) and bias (outputs,) of a linear layer."""

    weight: Tensor
    bias: Tensor


def fused_nll(
    past: Tensor,
    conditions: Tensor,
    levels: Tensor,
    *,
    dtype: torch.dtype,
    dilations: Sequence[int],
    embedding: Tensor,
    gates: Sequence[Tensor],
    residual: Sequence[Affine],
    head: Sequence[Affine],
) -> Tensor:
    """Compute the negative log-likelihood of each sample, in nats.

    Parameters
    ----------
    past, levels : (batch, time) int64 levels before each sample, and its own
    conditions : (batch, frames, layers, 2 * width)
    dtype : float32 or bfloat16, to compute in
    dilations, gates, residual : as for `vqspeech.nn.decoders.gated.gated_stack`
    embedding : (levels, width)
    head : layers of the skip path, of the hidden layer and of the logits

    Returns
    -------
    (batch, time) float32, differentiable once; the same bits for any number of `vqspeech.kernels.workers`
    """
    # Once for all pieces: small operations in several threads wait for Python's lock.
    stack = halved_weights(gates, residual, dtype)
    skip, hidden, logits = (Affine(layer.weight.to(dtype), layer.bias.to(dtype)) for layer in head)

    def nll(past: Tensor, conditions: Tensor, levels: Tensor, embedding: Tensor, *weights: Tensor) -> Tensor:
        *stack, skip, skip_bias, hidden, hidden_bias, logits, logits_bias = weights
        z = halved_stack(F.embedding(past, embedding).to(dtype), conditions, stack, dilations)
        z = F.relu(F.linear(z, skip, skip_bias))
        z = F.relu(F.linear(z, hidden, hidden_bias))
        return softmax_nll(z.flatten(0, 1), logits, logits_bias, levels.flatten()).view(levels.shape)

    weights = [embedding, *stack, 0.5 * skip.weight, skip.bias, *hidden, *logits]
    pieces = number_of_pieces(past.shape[0], past.shape[1], embedding.shape[1])
    return piecewise(nll, [past, halved(conditions.to(dtype)), levels], weights, pieces)
