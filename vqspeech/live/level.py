"""The level of converted speech, while it is spoken."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from vqspeech.codec.finish import MEASURED_S, MOST_GAIN_DB, active_frames, limited

Samples = npt.NDArray[np.float32]


class LiveLevel:
    """Gives stretches of speech the level of their sources, as `vqspeech.codec.finish.Finisher` does afterwards.

    The gain is the power of the source over that of the speech, in the loud stretches of the last 20 s; it changes
    linearly within a stretch. Speech is silent where the source is zero throughout a stretch.

    Parameters
    ----------
    stretch_s : length of a stretch in seconds
    """

    def __init__(self, stretch_s: float) -> None:
        self._powers: deque[tuple[float, float]] = deque(maxlen=max(1, round(MEASURED_S / stretch_s)))
        self._gain: float | None = None

    def push(self, source: Samples, speech: Samples) -> Samples:
        """Return a stretch of speech (time,) at the level of its source (other time,)."""
        if not len(speech):
            return speech
        power = float(np.square(source, dtype=np.float64).mean()) if len(source) else 0.0
        self._powers.append((power, float(np.square(speech, dtype=np.float64).mean())))
        wanted = self._wanted() if power > 0 else 0.0
        start = wanted if self._gain is None else self._gain
        gains = start + (wanted - start) * np.arange(1, len(speech) + 1) / len(speech)
        self._gain = wanted
        return limited((speech * gains).astype(np.float32))

    def _wanted(self) -> float:
        sources, made = np.array(self._powers).T
        active = active_frames(sources)
        wanted, given = sources[active].sum(), made[active].sum()
        if wanted <= 0 or given <= 0:
            return 1.0
        most = 10 ** (MOST_GAIN_DB / 20)
        return float(np.clip(np.sqrt(wanted / given), 1 / most, most))
