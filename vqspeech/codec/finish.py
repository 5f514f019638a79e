"""Finish conversions: the level of the source, its digital silence, and no clipping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from vqspeech.audio.pitch import PITCH_RATE
from vqspeech.codec.source import FramePower, Source
from vqspeech.nn.decoders.protocol import Piece

MEASURED_S = 20.0
"""The gain of a conversion follows from its first seconds of speech; they are held back until it is known."""

LONGEST_S = 60.0
"""Speech that begins later than this does not count."""

ACTIVE_DB = 30.0
"""Frames less than this below the loud ones are speech, as in the measurement of active speech level (ITU-T P.56)."""

MOST_GAIN_DB = 60.0
KNEE = 0.9

Waveform = npt.NDArray[np.float32]


class Finisher:
    """Gives pieces of speech the level and the silence of their sources.

    Each utterance is multiplied by one gain: the power of the source over that of the speech, in the same frames, those
    in which the source is loud. It is silent where the source is zero throughout a frame. Peaks beyond `KNEE` are
    compressed to stay below full scale.

    Parameters
    ----------
    sources : one per utterance
    sample_rate, source_rate : rates of the speech and of the sources, in Hz
    """

    def __init__(self, sources: Sequence[Source], sample_rate: int, source_rate: int) -> None:
        self._rate = sample_rate
        self._utterances = [_Utterance(source, sample_rate, source_rate) for source in sources]

    def __call__(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Yield finished pieces; what is held back at Ctrl-C comes before `KeyboardInterrupt`."""
        last: Piece | None = None
        try:
            for last in pieces:
                for waveform in self._utterances[last.utterance].push(last.waveform, last.last):
                    yield last._replace(waveform=waveform)
        except KeyboardInterrupt:
            for number, utterance in enumerate(self._utterances):
                for waveform in utterance.release():
                    yield Piece(number, waveform, False, "" if last is None else last.engine)
            raise


class _Utterance:
    """The state of one utterance."""

    def __init__(self, source: Source, sample_rate: int, source_rate: int) -> None:
        self._rate = sample_rate
        self._audible = source.power > 0
        # sums over samples, of which a frame of the speech has another number
        self._source = source.power * (sample_rate / source_rate)
        self._active = active_frames(source.power)
        self._power = FramePower(sample_rate)
        self._held: list[Waveform] = []
        self._samples = self._sent = 0
        self._gain: float | None = None

    def push(self, waveform: Waveform, last: bool) -> Iterator[Waveform]:
        if self._gain is None:
            self._power.push(waveform)
            self._samples += len(waveform)
            self._held.append(waveform)
            active = np.count_nonzero(self._active[: self._samples * PITCH_RATE // self._rate]) / PITCH_RATE
            if not last and active < MEASURED_S and self._samples < LONGEST_S * self._rate:
                return
            yield from self.release()
        else:
            yield self._finished(waveform)

    def release(self) -> Iterator[Waveform]:
        """Yield what is held back, as one piece."""
        if not self._held:
            return
        self._gain = self._measured()
        waveform, self._held = np.concatenate(self._held), []
        yield self._finished(waveform)

    def _measured(self) -> float:
        speech = self._power.frames()
        count = min(len(speech), len(self._source))
        counted = self._active[:count]
        wanted, made = self._source[:count][counted].sum(), speech[:count][counted].sum()
        if wanted <= 0 or made <= 0:
            return 1.0
        most = 10 ** (MOST_GAIN_DB / 20)
        return float(np.clip(np.sqrt(wanted / made), 1 / most, most))

    def _finished(self, waveform: Waveform) -> Waveform:
        assert self._gain is not None
        result = limited(waveform * np.float32(self._gain)) * self._envelope(self._sent, len(waveform))
        self._sent += len(waveform)
        return result.astype(np.float32, copy=False)

    def _envelope(self, start: int, count: int) -> npt.NDArray[np.float32] | np.float32:
        """Return a factor (count,) for samples: 0 in silent frames, ramps of half a frame beside them, 1 elsewhere."""
        place = (np.arange(start, start + count) + 0.5) * (PITCH_RATE / self._rate)
        frame = place.astype(np.int64)
        last = len(self._audible) - 1
        if last < 0 or self._audible[max(0, frame[0] - 1) : frame[-1] + 2].all() if count else True:
            return np.float32(1)
        within = place - frame
        here, before, after = (self._audible[np.clip(frame + step, 0, last)] for step in (0, -1, 1))
        ramp = np.minimum(np.where(before, 1.0, 2 * within), np.where(after, 1.0, 2 * (1 - within)))
        return np.where(here, np.minimum(ramp, 1.0), 0.0).astype(np.float32)


def active_frames(power: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which frames (frames,) are less than `ACTIVE_DB` below the loudest hundredth."""
    loud = power[power > 0]
    if not len(loud):
        return np.zeros(len(power), np.bool_)
    return power > np.quantile(loud, 0.99) * 10 ** (-ACTIVE_DB / 10)


def limited(waveform: Waveform) -> Waveform:
    """Compress what exceeds `KNEE` to below full scale; leave the rest as it is."""
    size = np.abs(waveform)
    if size.max(initial=0) <= KNEE:
        return waveform
    over = KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE))
    return np.where(size > KNEE, np.sign(waveform) * over, waveform).astype(np.float32)
