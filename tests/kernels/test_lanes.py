"""Lanes against NumPy and PyTorch, number by number."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba")
from vqspeech.kernels import lanes
from vqspeech.kernels.lanes import BFLOAT16, FLOAT32, LANES, at, read, write
from vqspeech.kernels.numeric import compiled


@compiled
def copied(count, source, target, kind):
    """float32 numbers to a kind."""
    for n in range(0, count, LANES):
        write(at(target, kind), n, read(at(source, FLOAT32), n))


@compiled
def widened(count, source, target):
    for n in range(0, count, LANES):
        write(at(target, FLOAT32), n, read(at(source, BFLOAT16), n))


@compiled
def exponentials(count, source, target):
    for n in range(0, count, LANES):
        write(at(target, FLOAT32), n, lanes.exp(read(at(source, FLOAT32), n)))


@compiled
def tangents(count, source, target):
    for n in range(0, count, LANES):
        write(at(target, FLOAT32), n, lanes.tanh(read(at(source, FLOAT32), n)))


@compiled
def arithmetic(count, left, right, target):
    for n in range(0, count, LANES):
        a, b = read(at(left, FLOAT32), n), read(at(right, FLOAT32), n)
        smallest, largest = lanes.smaller(a, b), lanes.larger(a, b)
        write(at(target, FLOAT32), n, (a * b - np.float32(2) / b) + (a + smallest) * largest)


@compiled
def reduced(source):
    x = read(at(source, FLOAT32), 0)
    return lanes.total(x), lanes.largest(x), lanes.lane(x, 3)


def applied(function, numbers):
    source, target = numbers.astype(np.float32), np.empty(len(numbers), np.float32)
    function(len(numbers), source.ctypes.data, target.ctypes.data)
    return target


def test_rounding_to_bfloat16_is_that_of_pytorch():
    bits = np.random.default_rng(0).integers(0, 2**32, 2**16, dtype=np.uint32)
    # Halfway between two numbers, and not.
    ties = np.arange(0x3F800000, 0x3F900000, 0x800, dtype=np.uint32)
    special = np.array([0, 0x80000000, 0x7F800000, 0xFF800000, 0x7FFFFFFF, 0x7FC00000, 1, 0x7F7FFFFF], np.uint32)
    numbers = np.concatenate([bits, ties, np.tile(special, 2)]).view(np.float32)
    found = torch.empty(len(numbers), dtype=torch.bfloat16)
    copied(len(numbers), numbers.ctypes.data, found.data_ptr(), BFLOAT16)
    wanted = torch.from_numpy(numbers).bfloat16()
    torch.testing.assert_close(found, wanted, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(found.isnan(), wanted.isnan())


def test_every_bfloat16_number_is_read_as_it_is():
    numbers = torch.arange(-(2**15), 2**15).short().view(torch.bfloat16)
    found = torch.empty(len(numbers))
    widened(len(numbers), numbers.data_ptr(), found.data_ptr())
    torch.testing.assert_close(found, numbers.float(), rtol=0, atol=0, equal_nan=True)


def test_exponential():
    numbers = np.linspace(-80, 80, 2**14)
    np.testing.assert_allclose(
        applied(exponentials, numbers), np.exp(numbers.astype(np.float32), dtype=np.float64), rtol=2e-7
    )


def test_hyperbolic_tangent_everywhere():
    numbers = np.concatenate([np.linspace(-12, 12, 2**14), [np.inf, -np.inf, 1e30, -1e30] * 4])
    np.testing.assert_allclose(applied(tangents, numbers), np.tanh(numbers), atol=3e-7)
    assert np.isnan(applied(tangents, np.full(LANES, np.nan))).all()


def test_arithmetic():
    left, right = np.random.default_rng(1).standard_normal((2, 64)).astype(np.float32)
    found = np.empty(64, np.float32)
    arithmetic(64, left.ctypes.data, right.ctypes.data, found.ctypes.data)
    wanted = (left * right - 2 / right) + (left + np.minimum(left, right)) * np.maximum(left, right)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_reductions():
    numbers = np.random.default_rng(2).standard_normal(LANES).astype(np.float32)
    total, largest, fourth = reduced(numbers.ctypes.data)
    np.testing.assert_allclose([total, largest, fourth], [numbers.sum(), numbers.max(), numbers[3]], atol=1e-5)
