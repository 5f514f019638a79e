"""Random numbers of batches and of models: each is a function of the seed and the step."""

from __future__ import annotations

import numpy as np
import torch

TRAIN, VALID, START = 0, 1, 2
"""Streams of random numbers; batches of different streams are independent."""


def generator(seed: int, stream: int, number: int) -> np.random.Generator:
    """Generate the random numbers of one step or epoch.

    Philox (Salmon et al. 2011) with key (seed, stream) and counter number * 2^192.

    Parameters
    ----------
    seed : seed of the run
    stream : `TRAIN`, `VALID`, `START`, or another small number
    number : number of the step or epoch
    """
    key = np.array([seed % 2**64, stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, number], dtype=np.uint64)))


def step_generator(seed: int, step: int, kind: type[torch.Generator] = torch.Generator) -> torch.Generator:
    """Make the generator, of some kind, of a model's random numbers at a step, equal on every process."""
    mixed = (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + 1) % 2**63
    return kind().manual_seed(mixed)
