"""Quality of speech without a reference: DNSMOS (Reddy et al. 2022), with the network of the package speechmos.

Its own module is not imported: it computes three further scores, at four times the cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vqspeech.analysis.listening.judge.installed import missing, reason
from vqspeech.errors import InputError

SAMPLE_RATE = 16000

_WINDOW = int(9.01 * SAMPLE_RATE)
_OVERALL = (-0.06766283, 1.11546468, 0.04602535)
"""The polynomial, highest power first, from the network's third output to opinions."""


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
    """The overall score of DNSMOS P.835, equal to ``ovrl_mos`` of speechmos 0.0.1.1."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Name and version."""
        return {"name": "DNSMOS P.835, overall", "speechmos": version("speechmos")}

    def rate(self, waveform: np.ndarray) -> float | None:
        """Return the rating of a waveform (time,) float32 at 16 kHz; None for digital silence.

        The mean over windows of 9 s every second; shorter clips are doubled until they fill one.
        """
        if not waveform.any():
            return None
        waveform = np.clip(waveform, -1, 1).astype(np.float32)
        while len(waveform) < _WINDOW:
            waveform = np.concatenate([waveform, waveform])
        windows = int(len(waveform) // SAMPLE_RATE - 9.01) + 1
        starts = [start for n in range(windows) if (start := n * SAMPLE_RATE) + _WINDOW <= len(waveform)]
        raw = [self._session.run(None, {"input_1": waveform[None, at : at + _WINDOW]})[0][0][2] for at in starts]
        return float(np.mean(np.polyval(_OVERALL, np.asarray(raw, dtype=np.float64))))

    @cached_property
    def _session(self) -> Any:
        from onnxruntime import InferenceSession

        spec = find_spec("speechmos")
        if spec is None or not spec.submodule_search_locations:
            raise InputError(why_not() or "speechmos is not installed")
        model = Path(spec.submodule_search_locations[0]) / "dnsmos_models" / "sig_bak_ovr.onnx"
        return InferenceSession(str(model), providers=["CPUExecutionProvider"])


def why_not() -> str | None:
    """Return why no quality can be rated, or None when it can."""
    absent = missing("speechmos", "onnxruntime")
    return reason("DNSMOS", absent) if absent else None
