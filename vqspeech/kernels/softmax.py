"""Likelihood and gradient of a softmax in one pass over bfloat16 logits."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from vqspeech.kernels.lanes import (
    BFLOAT16,
    FLOAT32,
    INT64,
    LANES,
    at,
    exp,
    fill,
    item,
    larger,
    largest,
    put,
    read,
    total,
    write,
)
from vqspeech.kernels.numeric import compiled
from vqspeech.kernels.team import Entry, run, share

_BLOCK = 64
"""Rows that one thread sums; fixed, so that sums do not depend on the number of threads."""


@compiled
def _errors(a):  # type: ignore[no-untyped-def]
    rows, classes, logits, levels = item(a, 0), item(a, 1), at(item(a, 2), BFLOAT16), at(item(a, 3), INT64)
    nll = at(item(a, 4), FLOAT32)
    scratch = np.empty(classes, np.float32)
    powers = at(scratch.ctypes.data, FLOAT32)
    first, last = share(rows)
    for row in range(first, last):
        start, level = row * classes, item(levels, row)
        peaks = read(logits, start)
        for n in range(LANES, classes, LANES):
            peaks = larger(peaks, read(logits, start + n))
        peak, sums = largest(peaks), fill(FLOAT32)
        for n in range(0, classes, LANES):
            power = exp(larger(read(logits, start + n) - peak, fill(np.float32(-80))))
            write(powers, n, power)
            sums = sums + power
        whole = total(sums)
        put(nll, row, np.log(whole) + peak - item(logits, start + level))
        scratch[level] -= whole
        for n in range(0, classes, LANES):
            write(logits, start + n, read(powers, n) * (np.float32(1) / whole))


@compiled
def _scale(a):  # type: ignore[no-untyped-def]
    rows, classes, errors, grad = item(a, 0), item(a, 1), at(item(a, 2), BFLOAT16), at(item(a, 3), FLOAT32)
    scaled, sums = at(item(a, 4), BFLOAT16), at(item(a, 5), FLOAT32)
    first, last = share((rows + _BLOCK - 1) // _BLOCK)
    for block in range(first, last):
        for n in range(0, classes, LANES):
            whole = fill(FLOAT32)
            for row in range(block * _BLOCK, min((block + 1) * _BLOCK, rows)):
                value = read(errors, row * classes + n) * item(grad, row)
                write(scaled, row * classes + n, value)
                whole = whole + value
            write(sums, block * classes + n, whole)


@Entry
def _errors_entry(a):  # type: ignore[no-untyped-def]
    _errors(a)


@Entry
def _scale_entry(a):  # type: ignore[no-untyped-def]
    _scale(a)


def errors(logits: Tensor, levels: Tensor, nll: Tensor) -> None:
    """Replace logits by softmax(logits) - onehot(levels), and compute -log softmax at the levels.

    Parameters
    ----------
    logits : (rows, classes) bfloat16 contiguous; overwritten with the errors
    levels : (rows,) int64 contiguous, each below `classes`
    nll : (rows,) float32 contiguous; overwritten with the result in nats
    """
    run(_errors_entry, *logits.shape, logits.data_ptr(), levels.data_ptr(), nll.data_ptr())


def scale(errors: Tensor, grad: Tensor, scaled: Tensor) -> Tensor:
    """Multiply errors by the gradient of each row, and sum them over rows.

    Parameters
    ----------
    errors : (rows, classes) bfloat16 contiguous
    grad : (rows,) float32 contiguous
    scaled : as `errors`; overwritten with the products

    Returns
    -------
    (classes,) float32 sums
    """
    rows, classes = errors.shape
    sums = grad.new_empty(-(-rows // _BLOCK), classes)
    run(_scale_entry, rows, classes, errors.data_ptr(), grad.data_ptr(), scaled.data_ptr(), sums.data_ptr())
    return sums.sum(0)
