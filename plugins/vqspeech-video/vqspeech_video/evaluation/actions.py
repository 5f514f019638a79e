"""Read the action from a frame and the next one, by a classifier that is fitted on real frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.errors import InputError
from vqspeech_video.evaluation.shift import in_blocks, matching_errors

Frames = npt.NDArray[np.uint8]
FURTHEST = 1 / 4
"""Largest shift of the features, as a share of a side."""
_FLOOR = 1.0
"""Squared grey levels that are added to the matching errors: equal frames have no logarithm without it."""


class ActionReader:
    """A logistic regression on how well a frame matches the next one under every shift.

    The features are the logarithms of the matching errors of the whole frame and of its left and right half under
    horizontal shifts, of the upper and the lower half under vertical shifts, less the mean of each of these five: where
    halves move alike one turns, where they move apart one goes forward.

    Parameters
    ----------
    actions : number of actions
    seed : seed of the fit
    """

    def __init__(self, actions: int, seed: int = 0) -> None:
        self.actions, self.seed = actions, seed
        self._model: Any = None

    def fit(self, before: Frames, after: Frames, taken: npt.NDArray[np.int64]) -> ActionReader:
        """Fit on real frames.

        Parameters
        ----------
        before, after : (pairs, height, width, channels) uint8, frames and those after them
        taken : (pairs,) the action between them

        Raises
        ------
        InputError : when fewer than two actions occur
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if len(np.unique(taken)) < 2:
            raise InputError(f"reading actions needs pairs with at least 2 actions, the {len(taken)} given have fewer")
        regression = LogisticRegression(C=0.01, max_iter=500, class_weight="balanced", random_state=self.seed)
        self._model = make_pipeline(StandardScaler(), regression)
        self._model.fit(in_blocks(_features, before, after), taken)
        return self

    def read(self, before: Frames, after: Frames) -> npt.NDArray[np.int64]:
        """Return the likeliest action (pairs,) int64 between frames and those after them."""
        found: npt.NDArray[np.int64] = self._model.predict(in_blocks(_features, before, after)).astype(np.int64)
        return found


def balanced_accuracy(read: npt.NDArray[np.int64], taken: npt.NDArray[np.int64]) -> float:
    """Compute the share of pairs whose action is read rightly, a mean over actions; chance is one over their number."""
    return float(np.mean([(read[taken == action] == action).mean() for action in np.unique(taken)]))


def _features(before: Frames, after: Frames) -> npt.NDArray[np.float64]:
    height, width = before.shape[1:3]
    top, left = height // 2, width // 2
    parts = (
        (2, slice(None), slice(None)),
        (2, slice(None), slice(None, left)),
        (2, slice(None), slice(left, None)),
        (1, slice(None, top), slice(None)),
        (1, slice(top, None), slice(None)),
    )
    columns = []
    for axis, rows, cells in parts:
        one, other = before[:, rows, cells], after[:, rows, cells]
        errors = matching_errors(one, other, max(1, int(one.shape[axis] * FURTHEST)), axis)
        logs = np.log(errors + _FLOOR)
        columns.append(logs - logs.mean(1, keepdims=True))
    return np.concatenate(columns, 1)
