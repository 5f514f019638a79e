"""The error of predicted spectral frames, weighed so that words count."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

ErrorKind = Literal["squared", "absolute"]

QUIET_WEIGHT = 0.1
"""What a silent frame counts beside a loud one, which counts 1 + this."""

SPAN = 2
"""Frames between those that differences compare."""


def frame_errors(
    predicted: Tensor,
    target: Tensor,
    valid: Tensor,
    *,
    kind: ErrorKind = "absolute",
    loud: float = 0.0,
    differences: float = 0.0,
) -> Tensor:
    """Sum the errors of valid frames, each a mean over channels, of every row.

    The error of a mean of several sounds is small in each frame, and such a mean changes little; the error of
    differences over `SPAN` frames is then large. Regression on first differences is old in speech synthesis (Tokuda
    et al. 2000, as a constraint on trajectories).

    Parameters
    ----------
    predicted, target : (batch, frames, channels) standardised features
    valid : (batch, frames) bool, the first frames of each row
    kind : squared or absolute error
    loud : how steeply the weight of a frame rises with its level, the mean of its target:
        sigmoid(loud * level) + `QUIET_WEIGHT`; 0 for equal weights of 1
    differences : weight of the error of differences, 0 for none

    Returns
    -------
    (batch,)
    """
    error = predicted - target
    level = target.mean(-1)
    weights = torch.sigmoid(loud * level) + QUIET_WEIGHT if loud else torch.ones_like(level)
    total = (_size(error, kind) * weights * valid).sum(1)
    if differences:
        change = error[:, SPAN:] - error[:, :-SPAN]
        middle = weights[:, SPAN // 2 : -(SPAN // 2)]
        total = total + differences * (_size(change, kind) * middle * valid[:, SPAN:]).sum(1)
    return total


def _size(error: Tensor, kind: ErrorKind) -> Tensor:
    return (error.square() if kind == "squared" else error.abs()).mean(-1)
