"""F0 of a conversion: the source's melody in the range of the target."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from vqspeech.audio.pitch import HIGHEST_HZ, LOWEST_HZ, log_f0_statistics
from vqspeech.errors import unknown_name

Intonation = Literal["source", "predicted", "flat"]

INTONATIONS = ("source", "predicted", "flat")
"""The source's F0 shifted to the target's mean; F0 predicted from codes and speaker; the target's mean throughout."""

LEAST_VOICED = 10
"""Fewer voiced frames have no melody; F0 is then predicted."""


def require_intonation(name: str) -> None:
    """Raise `UnknownNameError` for a name that is none of `INTONATIONS`."""
    if name not in INTONATIONS:
        raise unknown_name("intonation", name, INTONATIONS)


def moved(
    f0: npt.NDArray[np.float32] | None, target_log_f0: float | None, intonation: str
) -> npt.NDArray[np.float32] | None:
    """Move a contour to a target's range.

    Parameters
    ----------
    f0 : (frames,) F0 of the source in Hz, 0 for unvoiced; None when unknown
    target_log_f0 : mean log F0 of the target; None keeps the source's
    intonation : one of `INTONATIONS`. ``"source"`` adds one number to log F0, so that intervals are kept

    Returns
    -------
    (frames,) in Hz; None to predict F0
    """
    if f0 is None or intonation == "predicted":
        return None
    voiced = f0 > 0
    if voiced.sum() < LEAST_VOICED:
        return None
    logs, known = np.log(f0[voiced], dtype=np.float64), log_f0_statistics(f0)
    assert known is not None
    mean = known[0] if target_log_f0 is None else target_log_f0
    spread = logs - known[0] if intonation == "source" else np.zeros_like(logs)
    result = np.zeros_like(f0)
    result[voiced] = np.clip(np.exp(mean + spread), LOWEST_HZ, HIGHEST_HZ)
    return result
