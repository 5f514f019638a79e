"""Nearest codes by brute force, within a bound of memory, and what is counted of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import randn
from torch.utils._python_dispatch import TorchDispatchMode

from vqspeech.nn.quantize.nearest import code_statistics, nearest_code


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(0, 40),
    codes=st.integers(1, 30),
    dim=st.integers(1, 6),
    chunk=st.integers(1, 2000),
    offset=st.sampled_from([0.0, 1.0, 30.0]),
    seed=st.integers(0, 99),
)
def test_nearest_code_is_brute_force_in_float64(frames, codes, dim, chunk, offset, seed):
    x, book = randn(frames, dim, seed=seed) + offset, randn(codes, dim, seed=seed + 100) + offset
    found = nearest_code(x, book, chunk_bytes=chunk)
    distances = np.square(x.double().numpy()[:, None] - book.double().numpy()[None]).sum(-1)
    assert found.shape == (frames,)
    assert found.dtype == torch.int64
    chosen = distances[np.arange(frames), found.numpy()]
    assert np.all(chosen <= distances.min(1, initial=np.inf) + 1e-5 * (1 + offset**2))
    if offset == 0:
        clear = np.sort(distances, 1)
        clear = clear[:, 1] - clear[:, 0] > 1e-5 if codes > 1 else np.ones(frames, bool)
        assert np.array_equal(found.numpy()[clear], distances.argmin(1)[clear])


def test_of_two_equal_codes_the_first_is_chosen():
    book = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert nearest_code(torch.tensor([[0.0, 2.0], [2.0, 0.0]]), book).tolist() == [1, 0]


class LargestOutput(TorchDispatchMode):
    """Remembers the largest tensor that any operation made."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in self.given:
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return result

    def watch(self, *given):
        self.given = {tensor.untyped_storage().data_ptr() for tensor in given}
        return self


@pytest.mark.parametrize("chunk", [4096, 100_000])
def test_no_matrix_is_larger_than_the_bound(chunk):
    frames, book = randn(5000, 2), randn(64, 2)
    with LargestOutput().watch(frames, book) as largest:
        found = nearest_code(frames, book, chunk_bytes=chunk)
    # The result itself may be larger than the bound.
    assert found.numel() * 8 > 4096
    assert largest.bytes <= max(chunk, found.numel() * 8)
    with LargestOutput().watch(frames, book) as largest:
        nearest_code(frames[:500], book, chunk_bytes=chunk)
    assert 0 < largest.bytes <= chunk
    assert torch.equal(found, nearest_code(frames, book))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_nearest_code_computes_in_float32(dtype):
    frames, book = randn(200, 8).to(dtype), randn(50, 8, seed=1).to(dtype)
    assert torch.equal(nearest_code(frames, book), nearest_code(frames.float(), book.float()))


def test_code_statistics_are_counts_and_sums():
    frames, codes = randn(20, 3), torch.randint(5, (20,), generator=torch.Generator().manual_seed(0))
    counts, sums = code_statistics(frames, codes, 6)
    for code in range(6):
        assert counts[code] == (codes == code).sum()
        torch.testing.assert_close(sums[code], frames[codes == code].sum(0))
