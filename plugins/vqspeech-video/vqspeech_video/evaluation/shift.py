"""Horizontal shift of the content from one frame to the next, by block matching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqspeech.errors import InputError

Frames = npt.NDArray[np.uint8]
FURTHEST = 1 / 3
"""Largest shift, as a share of the width."""
POOLED = 4
"""Pixels that are averaged across the direction of a shift."""
AT_ONCE = 256
"""Pairs of frames that are matched together."""


def matching_errors(before: Frames, after: Frames, furthest: int, axis: int = 2) -> npt.NDArray[np.float64]:
    """Compute the mean squared difference in grey levels of a frame and the next one, for every shift.

    Grey levels are averaged over `POOLED` pixels across the direction of the shift.

    Parameters
    ----------
    before, after : (pairs, height, width, channels) uint8
    furthest : largest shift in pixels
    axis : 2 for shifts along the width, 1 along the height

    Returns
    -------
    (pairs, 2 * furthest + 1): the content moves by -`furthest` (left, up) to +`furthest` (right, down)
    """
    # |x - y|^2 = |x|^2 + |y|^2 - 2 x y: one product of matrices has x y of all shifts on its diagonals.
    x, y = _grey(before, axis), _grey(after, axis)
    rows, width = x.shape[1:]
    products = x.transpose(0, 2, 1) @ y
    old, new = np.square(x).sum(1), np.square(y).sum(1)
    errors = []
    for shift in range(-furthest, furthest + 1):
        left, right = max(0, shift), max(0, -shift)
        squares = old[:, right : width - left].sum(1) + new[:, left : width - right].sum(1)
        total = squares - 2 * np.trace(products, shift, 1, 2)
        errors.append(total / (rows * (width - abs(shift))))
    return np.maximum(np.stack(errors, 1).round(6), 0)


def horizontal_shift(clips: Frames) -> npt.NDArray[np.int64]:
    """Estimate by how many pixels the content moves to the right from each frame to the next.

    The shift with the smallest mean squared difference in the overlap, of those up to a third of the width; of equal
    ones the smallest. A walker who turns left sees the content move to the right.

    Parameters
    ----------
    clips : (clips, frames, height, width, channels) uint8

    Returns
    -------
    (clips, frames - 1) pixels, positive to the right

    Raises
    ------
    InputError : for clips of fewer than two frames
    """
    count, frames = clips.shape[:2]
    if frames < 2:
        raise InputError(f"clips of {frames} frames have no movement; at least 2 frames are needed")
    pairs = clips[:, :-1].reshape(-1, *clips.shape[2:]), clips[:, 1:].reshape(-1, *clips.shape[2:])
    furthest = max(1, int(clips.shape[3] * FURTHEST))
    errors = in_blocks(lambda before, after: matching_errors(before, after, furthest), *pairs)
    order = np.argsort(np.abs(np.arange(-furthest, furthest + 1)), kind="stable")
    return (order[errors[:, order].argmin(1)] - furthest).reshape(count, frames - 1)


@dataclass(frozen=True, kw_only=True)
class Turning:
    """Movement of the content under one action.

    Parameters
    ----------
    median_px : median over all steps, pixels to the right
    right_sign : share of the clips whose median has the expected sign; for none, is nearer to 0 than ``least_px``
    of_real : `median_px` divided by that of real steps with this action; None where that is 0
    clips : number of clips
    """

    median_px: float
    right_sign: float
    of_real: float | None
    clips: int


def turning(shifts: Sequence[npt.NDArray[np.int64]], sign: int, real_px: float, least_px: float) -> Turning:
    """Summarise the shifts of clips under one action.

    Parameters
    ----------
    shifts : of each clip (steps,) pixels, at least one step, see `horizontal_shift`
    sign : 1, -1, or 0 for an action that does not turn
    real_px : median shift of real steps with this action
    least_px : shift of a clip that counts as one; half of that of real turns is a good choice
    """
    medians = np.array([np.median(steps) for steps in shifts])
    right = np.abs(medians) < least_px if sign == 0 else medians * sign > 0
    median = float(np.median(np.concatenate(shifts)))
    return Turning(
        median_px=median,
        right_sign=float(right.mean()),
        of_real=median / real_px if real_px else None,
        clips=len(shifts),
    )


def in_blocks(
    measure: Callable[[Frames, Frames], npt.NDArray[np.float64]], before: Frames, after: Frames
) -> npt.NDArray[np.float64]:
    """Apply a measure of pairs to `AT_ONCE` pairs at a time, and join what it returns."""
    starts = range(0, max(1, len(before)), AT_ONCE)
    return np.concatenate(
        [measure(before[start : start + AT_ONCE], after[start : start + AT_ONCE]) for start in starts]
    )


def _grey(frames: Frames, axis: int) -> npt.NDArray[np.float64]:
    """Convert to grey levels (pairs, places across, places along the axis), less half of the range."""
    grey = frames.sum(-1, dtype=np.float64) / frames.shape[-1] - 127.5
    along = grey if axis == 2 else grey.transpose(0, 2, 1)
    pairs, rows, width = along.shape
    pooled = min(POOLED, rows)
    whole = rows // pooled * pooled
    return along[:, :whole].reshape(pairs, -1, pooled, width).mean(2)
