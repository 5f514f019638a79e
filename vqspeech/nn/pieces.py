"""A function of a batch, computed in pieces of some rows on several threads, with its gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from torch import Tensor

from vqspeech.kernels.workers import each

T = TypeVar("T")

MOST = 8
"""Pieces of a batch; more would wait for Python's lock."""

LEAST = 2**18
"""Numbers of a layer's output in a piece: its operations take longer than their calls."""


def number_of_pieces(batch: int, time: int, width: int) -> int:
    """Return the number of pieces of a batch; it depends on nothing else, so that results do not."""
    rows = -(-LEAST // (time * width))
    return max(1, min(MOST, batch // rows))


def piecewise(
    compute: Callable[..., Tensor], divided: Sequence[Tensor], whole: Sequence[Tensor], pieces: int
) -> Tensor:
    """Compute a function of a batch in pieces.

    Parameters
    ----------
    compute : called with a piece of each divided tensor, then the whole ones; its result has the rows of the piece
    divided : tensors (batch, ...)
    whole : tensors that every piece needs, such as weights
    pieces : number of pieces, at most the batch

    Returns
    -------
    (batch, ...), differentiable once in every tensor; gradients of whole tensors are summed in float32, in
    the order of the pieces
    """
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (*divided, *whole)):
        result: Tensor = _Piecewise.apply(compute, pieces, len(divided), *divided, *whole)
        return result
    parts, autocast = [tensor.tensor_split(pieces) for tensor in divided], _autocast()

    def work(piece: int) -> Tensor:
        with torch.no_grad(), autocast():
            return compute(*(part[piece] for part in parts), *whole)

    return torch.cat(each(work, pieces))


def rowwise(work: Callable[[int], T], rows: int) -> list[T]:
    """Return work(0), work(1), ... for rows that are independent, in pieces of them; there are no gradients within."""
    autocast, inference, pieces = _autocast(), torch.is_inference_mode_enabled(), max(1, min(MOST, rows))

    def several(piece: int) -> list[T]:
        with torch.inference_mode(inference), torch.no_grad(), autocast():
            return [work(row) for row in range(rows * piece // pieces, rows * (piece + 1) // pieces)]

    return [result for results in each(several, pieces) for result in results]


def _autocast() -> Callable[[], AbstractContextManager[Any]]:
    """Return the autocast of this thread, for others; a cache of weights would be shared by all."""
    dtype, enabled = torch.get_autocast_dtype("cpu"), torch.is_autocast_enabled("cpu")
    return lambda: torch.autocast("cpu", dtype, enabled=enabled, cache_enabled=False)


class _Piecewise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, compute: Callable[..., Tensor], pieces: int, divided: int, *tensors: Tensor) -> Tensor:
        needed = ctx.needs_input_grad[3:]
        parts, whole = [tensor.tensor_split(pieces) for tensor in tensors[:divided]], tensors[divided:]
        autocast = _autocast()

        def work(piece: int) -> tuple[list[Tensor], Tensor]:
            inputs = (*(part[piece] for part in parts), *whole)
            leaves = [tensor.detach().requires_grad_(need) for tensor, need in zip(inputs, needed, strict=True)]
            with torch.enable_grad(), autocast():
                return leaves, compute(*leaves)

        ctx.graphs, ctx.divided = each(work, pieces), divided
        return torch.cat([result.detach() for _, result in ctx.graphs])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        graphs, shares = ctx.graphs, grads[0].tensor_split(len(ctx.graphs))

        def work(piece: int) -> tuple[Tensor, ...]:
            leaves, result = graphs[piece]
            return torch.autograd.grad(result, [leaf for leaf in leaves if leaf.requires_grad], shares[piece])

        found = zip(*each(work, len(graphs)), strict=True)
        gradients: list[Tensor | None] = []
        for place, need in enumerate(ctx.needs_input_grad[3:]):
            if not need:
                gradients.append(None)
            elif place < ctx.divided:
                gradients.append(torch.cat(next(found)))
            else:
                parts = next(found)
                gradients.append(functools.reduce(torch.add, (part.float() for part in parts)).to(parts[0].dtype))
        return None, None, None, *gradients
