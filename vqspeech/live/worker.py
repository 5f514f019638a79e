"""A conversion beside a sound device: the device's clock is kept, and what comes too late is dropped."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

BUFFER_S = 0.06
"""Time for computing a step; what takes longer is dropped."""

RESAMPLING_S = 0.022
"""Delay of one resampler of the quality used here, at rates from 16 kHz on."""

Samples = npt.NDArray[np.float32]


class Converter(Protocol):
    """What a worker needs of a `vqspeech.live.conversion.LiveConversion`."""

    @property
    def step_s(self) -> float:
        """Speech that is converted at a time, in seconds."""
        ...

    @property
    def delay_s(self) -> float:
        """Time from a sample to the converted one, in seconds, without computing."""
        ...

    def push(self, samples: Samples, /) -> Samples:
        """Take the next samples (time,); return what is converted."""
        ...


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a worker did.

    Parameters
    ----------
    seconds : time that was played
    delay_s : own delay: from a sample that the device delivers to the converted one that it takes, in seconds
    dropped_s : converted speech that was missing when it was to be played, in seconds
    drops : number of times that this began
    busy : time of computing per time of speech, the real-time factor
    longest_s : longest time of computing a step
    """

    seconds: float
    delay_s: float
    dropped_s: float
    drops: int
    busy: float
    longest_s: float


class LiveWorker:
    """Takes blocks of a sound device, converts them in a thread, and gives the device blocks of fixed delay.

    A converted sample is played exactly `delay_s` after it was spoken, or dropped where it comes later. So the delay
    never grows. When more than the buffer waits to be converted, the oldest is dropped, unconverted.

    Parameters
    ----------
    conversion : the conversion; its errors are kept in `error`
    rate : rate of the device in Hz
    input_rate, output_rate : rates of the conversion in Hz; others than the device's are resampled
    buffer_s : time for computing, in seconds
    """

    def __init__(
        self, conversion: Converter, *, rate: int, input_rate: int, output_rate: int, buffer_s: float = BUFFER_S
    ) -> None:
        self._conversion, self.rate = conversion, rate
        self._into, self._out_of = _resampler(rate, input_rate), _resampler(output_rate, rate)
        resampling = RESAMPLING_S * ((self._into is not None) + (self._out_of is not None))
        self._delay = round((conversion.delay_s + buffer_s + resampling) * rate)
        self._piece = max(1, round(conversion.step_s * rate))
        self._most = self._piece + round(buffer_s * rate)
        # Positions are those of the device's samples, which are counted from 0.
        self._received = self._dropped = self._drops = 0
        # position of the next sample to play, from the first block on
        self._next: int | None = None
        self._waiting: deque[tuple[int, Samples]] = deque()
        self._ready: deque[tuple[int, Samples]] = deque()
        self._fed = self._made = 0
        # (samples fed before, their position): from there on, the position of samples is larger by what was left out
        self._marks: deque[tuple[int, int]] = deque([(0, 0)])
        self._busy_s = self._longest_s = 0.0
        self._whole, self._stopped, self._thread = True, False, threading.Thread(target=self._work, daemon=True)
        self._news = threading.Condition()
        self.error: Exception | None = None

    @property
    def delay_s(self) -> float:
        """Own delay in seconds; a device adds its own."""
        return self._delay / self.rate

    @property
    def received(self) -> int:
        """Samples that came so far."""
        return self._received

    def figures(self) -> Figures:
        """Return what was done so far."""
        with self._news:
            return Figures(
                seconds=self._received / self.rate,
                delay_s=self.delay_s,
                dropped_s=self._dropped / self.rate,
                drops=self._drops,
                busy=self._busy_s * self.rate / max(1, self._fed),
                longest_s=self._longest_s,
            )

    def exchange(self, samples: Samples) -> Samples:
        """Take the newest samples (time,) and return those to be played now, (time,); never waits for computing."""
        with self._news:
            self._waiting.append((self._received, samples.astype(np.float32)))
            self._received += len(samples)
            while sum(len(block) for _, block in self._waiting) > self._most and len(self._waiting) > 1:
                self._waiting.popleft()
            self._news.notify()
            if self._next is None:
                self._next = self._received - self._delay
            self._next += len(samples)
            return self._due(self._next - len(samples), len(samples))

    def _due(self, first: int, count: int) -> Samples:
        """Return the samples at positions from `first` on, silence where there are none."""
        result, found = np.zeros(count, np.float32), 0
        while self._ready and self._ready[0][0] < first + count:
            start, block = self._ready[0]
            begin, end = max(start, first), min(start + len(block), first + count)
            if end > begin:
                result[begin - first : end - first] = block[begin - start : end - start]
                found += end - begin
            if start + len(block) > first + count:
                break
            self._ready.popleft()
        missing = min(count, max(0, first + count)) - found
        self._dropped += missing
        self._drops += missing > 0 and self._whole
        self._whole = missing == 0
        return result

    def advance(self) -> bool:
        """Convert what waits, at most a step; return False when nothing waits."""
        with self._news:
            if not self._waiting:
                return False
            position, samples = self._waiting.popleft()
            if len(samples) > self._piece:
                self._waiting.appendleft((position + self._piece, samples[self._piece :]))
                samples = samples[: self._piece]
        before, expected = self._marks[-1]
        if position != expected + self._fed - before:
            self._marks.append((self._fed, position))
        started = time.perf_counter()
        self._fed += len(samples)
        made = self._conversion.push(samples if self._into is None else self._into.resample_chunk(samples))
        made = made if self._out_of is None else self._out_of.resample_chunk(made)
        took = time.perf_counter() - started
        with self._news:
            self._busy_s, self._longest_s = self._busy_s + took, max(self._longest_s, took)
            self._deliver(made)
        return True

    def _deliver(self, made: Samples) -> None:
        """Hand converted samples out under the positions of those that they were made of."""
        while len(made):
            while len(self._marks) > 1 and self._marks[1][0] <= self._made:
                self._marks.popleft()
            before, position = self._marks[0]
            count = len(made) if len(self._marks) == 1 else min(len(made), self._marks[1][0] - self._made)
            self._ready.append((position + self._made - before, made[:count]))
            self._made, made = self._made + count, made[count:]

    def _work(self) -> None:
        try:
            while True:
                with self._news:
                    self._news.wait_for(lambda: self._waiting or self._stopped)
                    if self._stopped:
                        return
                self.advance()
        except Exception as error:
            self.error = error

    def __enter__(self) -> LiveWorker:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._news:
            self._stopped = True
            self._news.notify()
        self._thread.join()


def _resampler(source: int, target: int) -> Any:
    """Return a resampler of low delay; None for equal rates."""
    if source == target:
        return None
    import soxr

    return soxr.ResampleStream(source, target, 1, "float32", "LQ")
