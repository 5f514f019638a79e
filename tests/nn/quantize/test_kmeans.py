"""K-means: clusters that are apart are found, and hardly any frames do no harm."""

import pytest
import torch
from tiny import randn, rng

from vqspeech.nn.quantize.kmeans import k_means
from vqspeech.nn.quantize.nearest import nearest_code


def test_k_means_finds_clusters_that_are_apart():
    centres = torch.tensor([[0.0, 0], [10, 0], [0, 10], [10, 10]])
    frames = (centres[:, None] + 0.1 * randn(4, 50, 2)).reshape(-1, 2)
    errors = [
        (found[nearest_code(frames, found)] - frames).square().sum(1).mean().item()
        for found in (k_means(frames, 8, rng(seed)) for seed in range(3))
    ]
    assert max(errors) < 0.05


@pytest.mark.parametrize("count, dim", [(1, 1), (1, 4), (2, 4), (7, 4)])
def test_k_means_with_fewer_frames_than_codes_is_finite_and_near_them(count, dim):
    frames = randn(count, dim)
    found = k_means(frames, 8, rng())
    assert found.shape == (8, dim)
    assert torch.isfinite(found).all()
    assert (found[:, None] - frames).norm(dim=2).min(1).values.max() < 0.1
    assert set(nearest_code(frames, found).tolist()) <= set(range(8))


def test_k_means_of_equal_frames_is_finite():
    assert torch.equal(k_means(torch.ones(50, 3), 4, rng()), torch.ones(4, 3))


def test_k_means_is_a_function_of_its_generator():
    frames = randn(100, 3)
    assert torch.equal(k_means(frames, 8, rng(1)), k_means(frames, 8, rng(1)))
    assert not torch.equal(k_means(frames, 8, rng(1)), k_means(frames, 8, rng(2)))
