"""Small images for tests, made of numbers: nothing outside this folder is needed."""

import numpy as np
import pytest
import torch

torch.set_num_threads(1)


def gradients(count, height, width, channels, seed=0):
    """Images (count, height, width, channels) uint8 of a slope in a random direction with a random square on it."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    images = []
    for _ in range(count):
        slope = draw.uniform(-1, 1, 2)
        image = 128 + 90 * (slope[0] * rows + slope[1] * columns)[..., None] * draw.uniform(0.3, 1, channels)
        top, left = draw.integers(0, height // 2), draw.integers(0, width // 2)
        image[top : top + height // 3, left : left + width // 3] = draw.uniform(0, 255, channels)
        images.append(image)
    return np.stack(images).clip(0, 255).astype(np.uint8)


@pytest.fixture
def images():
    return gradients
