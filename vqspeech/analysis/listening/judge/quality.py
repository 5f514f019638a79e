"""Quality of speech without a reference: DNSMOS (Reddy et al. 2022) through speechmos."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np

from vqspeech.analysis.listening.judge.installed import missing, reason

SAMPLE_RATE = 16000


class Quality(Protocol):
    """What rates speech as listeners would, 1 (bad) to 5."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """JSON values that identify it in results."""
        ...

    def rate(self, waveform: np.ndarray) -> float | None:
        """Return the rating of a waveform (time,) float32 at 16 kHz; None for digital silence."""
        ...


class Dnsmos:
    """The overall score of DNSMOS P.835; clips below 9 s are repeated by the predictor."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Name and version."""
        return {"name": "DNSMOS P.835, overall", "speechmos": version("speechmos")}

    def rate(self, waveform: np.ndarray) -> float | None:
        """Return the rating of a waveform (time,) float32 at 16 kHz; None for digital silence."""
        from speechmos import dnsmos

        if not waveform.any():
            return None
        return float(dnsmos.run(np.clip(waveform, -1, 1), SAMPLE_RATE)["ovrl_mos"])


def why_not() -> str | None:
    """Return why no quality can be rated, or None when it can."""
    absent = missing("speechmos", "onnxruntime", "requests")
    return reason("DNSMOS", absent) if absent else None
