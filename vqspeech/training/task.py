"""The contract of modalities and tasks, by its earlier name, and the random numbers of a step."""

from __future__ import annotations

import torch

from vqspeech.modality import Modality as Modality
from vqspeech.modality import Task as Task
from vqspeech.modality import Terms as Terms


def step_generator(seed: int, step: int) -> torch.Generator:
    """Make the generator of a model's randomness at a step (jitter, revival), the same on every process."""
    mixed = (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + 1) % 2**63
    return torch.Generator().manual_seed(mixed)
