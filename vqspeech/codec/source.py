"""What a conversion takes from its source beside codes: level, digital silence and F0; measured block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqspeech.audio.pitch import PITCH_RATE, PitchTracker

Block = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """Facts about a recording, in frames of `vqspeech.audio.pitch.PITCH_RATE`.

    Parameters
    ----------
    power : (frames,) float64, sum of squares over the samples of each frame; 0 is digital silence
    f0 : (frames,) in Hz, 0 for unvoiced; None where it was not measured
    """

    power: npt.NDArray[np.float64]
    f0: npt.NDArray[np.float32] | None = None


class SourceMeter:
    """Measures a recording while its blocks go by.

    Parameters
    ----------
    sample_rate : in Hz
    pitch : whether to measure F0
    """

    def __init__(self, sample_rate: int, *, pitch: bool) -> None:
        self._power = FramePower(sample_rate)
        self._tracker = PitchTracker(sample_rate) if pitch else None

    def through(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield the blocks, each (time,), as they are."""
        for block in blocks:
            self._power.push(block)
            if self._tracker is not None:
                self._tracker.push(block)
            yield block

    def finish(self) -> Source:
        """Return the facts about all blocks."""
        return Source(power=self._power.frames(), f0=None if self._tracker is None else self._tracker.finish())


class FramePower:
    """Sums of squares per frame of `vqspeech.audio.pitch.PITCH_RATE`, of a waveform that arrives in blocks."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate, self._samples = sample_rate, 0
        self._sums: list[npt.NDArray[np.float64]] = []
        self._open: npt.NDArray[np.float64] = np.zeros(0)
        self._first = 0

    def push(self, block: Block) -> None:
        """Take the next samples (time,)."""
        if not len(block):
            return
        places = np.arange(self._samples, self._samples + len(block)) * PITCH_RATE // self._sample_rate
        self._samples += len(block)
        squares = np.square(block, dtype=np.float64)
        sums: npt.NDArray[np.float64] = np.bincount(places - self._first, weights=squares).astype(np.float64)
        sums[:1] += self._open.sum()
        # The last frame may go on in the next block.
        self._sums.append(sums[:-1])
        self._open, self._first = sums[-1:], int(places[-1])

    def frames(self) -> npt.NDArray[np.float64]:
        """Return the sums (frames,) so far."""
        return np.concatenate([*self._sums, self._open])
