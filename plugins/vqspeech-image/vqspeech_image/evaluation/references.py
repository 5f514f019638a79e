"""Bits per dimension of densities without latents, fitted on training pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MOST_DIMENSIONS = 3072
"""Largest dimension for which a covariance is fitted; its matrix would take gigabytes above."""


def histogram_bits(train: npt.NDArray[np.uint8], test: npt.NDArray[np.uint8]) -> float:
    """Compute bits per dimension of pixels drawn independently from each channel's histogram.

    Parameters
    ----------
    train, test : (images, height, width, channels)
    """
    costs = []
    for channel in range(train.shape[-1]):
        counts = np.bincount(train[..., channel].ravel(), minlength=256) + 0.5
        costs.append(-np.log2(counts / counts.sum())[test[..., channel]].mean())
    return float(np.mean(costs))


def gaussian_bits(train: npt.NDArray[np.uint8], test: npt.NDArray[np.uint8], seed: int = 0) -> float | None:
    """Compute bits per dimension of a full-covariance Gaussian on dequantised pixels.

    The density of noisy pixels bounds the probability of the pixels (Theis et al. 2016, arXiv 1511.01844, section 3.1).
    On all of CIFAR-10 this gives about the paper's 4.67 without any latents. Returns None for too many dimensions, or
    fewer images than dimensions.

    Parameters
    ----------
    train, test : (images, height, width, channels)
    seed : seed of the noise
    """
    dimensions = int(np.prod(train.shape[1:]))
    if dimensions > MOST_DIMENSIONS or len(train) <= dimensions:
        return None
    noise = np.random.Generator(np.random.Philox(key=[seed, 0]))
    fitted = train.reshape(len(train), -1) + noise.random((len(train), dimensions), dtype=np.float32)
    mean = fitted.mean(0, dtype=np.float64).astype(np.float32)
    fitted -= mean
    covariance = (fitted.T @ fitted).astype(np.float64) / len(fitted)
    factor = np.linalg.cholesky(covariance)
    held = test.reshape(len(test), -1) + noise.random((len(test), dimensions), dtype=np.float32) - mean
    whitened = np.linalg.solve(factor, held.T.astype(np.float64))
    nats = 0.5 * (whitened**2).sum(0) + np.log(np.diag(factor)).sum() + 0.5 * dimensions * np.log(2 * np.pi)
    return float(nats.mean() / (dimensions * np.log(2)))


def psnr_db(original: npt.NDArray[np.uint8], rebuilt: npt.NDArray[np.uint8]) -> float:
    """Compute 10 log10(255^2 / mean squared error) over all images; infinite if equal."""
    error = float(((original.astype(np.float64) - rebuilt) ** 2).mean())
    return float(10 * np.log10(255**2 / error)) if error else float("inf")
