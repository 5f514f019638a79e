"""The schedule of learning rates."""

from __future__ import annotations

import math

from vqspeech.config import TrainConfig


def learning_rate_share(step: int, train: TrainConfig) -> float:
    """Return the factor of learning rates at a step: linear warm-up times half a cosine.

    Parameters
    ----------
    step : optimiser steps taken before, from 0
    train : ``steps``, ``warmup_steps`` and ``final_learning_rate_share``, which the cosine ends at
    """
    warm = min(1.0, (step + 1) / max(1, train.warmup_steps))
    floor = train.final_learning_rate_share
    decay = 0.5 * (1 + math.cos(math.pi * min(1.0, step / train.steps)))
    return warm * (floor + (1 - floor) * decay)
