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


class Weights(NamedTuple):
    """The parameters of a WaveNet: embedding (levels, width), gates as for `gated_stack`, and linear layers.

    These are the residual layers of all gated layers but the last, then skip path, hidden layer and logits.
    """

    embedding: Tensor
    gates: Sequence[Tensor]
    linear: Sequence[Affine]


def fused_nll(
    past: Tensor, conditions: Tensor, levels: Tensor, weights: Weights, dilations: Sequence[int], dtype: torch.dtype
) -> Tensor:
    """Compute the negative log-likelihood of each sample, in nats.

    Parameters
    ----------
    past, levels : (batch, time) int64 levels before each sample, and its own
    conditions : (batch, frames, layers, 2 * width)
    weights : parameters, in any dtype
    dilations : of the gated layers, in samples
    dtype : float32 or bfloat16, to compute in

    Returns
    -------
    (batch, time) float32, differentiable once; the same bits for any number of `vqspeech.kernels.workers`
    """
    # Once for all pieces: small operations in several threads wait for Python's lock.
    *residual, skip, hidden, logits = (Affine(layer.weight.to(dtype), layer.bias.to(dtype)) for layer in weights.linear)
    stack = halved_weights(weights.gates, residual, dtype)

    def nll(past: Tensor, conditions: Tensor, levels: Tensor, embedding: Tensor, *weights: Tensor) -> Tensor:
        *stack, skip, skip_bias, hidden, hidden_bias, logits, logits_bias = weights
        z = halved_stack(F.embedding(past, embedding).to(dtype), conditions, stack, dilations)
        z = F.relu(F.linear(z, skip, skip_bias))
        z = F.relu(F.linear(z, hidden, hidden_bias))
        return softmax_nll(z.flatten(0, 1), logits, logits_bias, levels.flatten()).view(levels.shape)

    whole = [weights.embedding, *stack, 0.5 * skip.weight, skip.bias, *hidden, *logits]
    pieces = number_of_pieces(past.shape[0], past.shape[1], weights.embedding.shape[1])
    return piecewise(nll, [past, halved(conditions.to(dtype)), levels], whole, pieces)
