"""Live conversion of a file: as fast as it goes, or at the pace of a microphone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from vqspeech.live.conversion import LiveConversion
from vqspeech.live.devices import BLOCK_S
from vqspeech.live.worker import Figures, LiveWorker

Samples = npt.NDArray[np.float32]


def converted(
    conversion: LiveConversion, blocks: Iterable[Samples], rate: int, write: Callable[[Samples], None]
) -> Figures:
    """Convert blocks (time,) of a recording step by step, without waiting and without dropping anything.

    Parameters
    ----------
    rate : rate of the blocks in Hz, that of the conversion
    write : called with what is converted, in order, as long as the recording and without delay

    Returns
    -------
    figures; `Figures.delay_s` is that of a worker with a buffer of the longest time of computing a step
    """
    step, samples, busy, longest = max(1, round(conversion.step_s * rate)), 0, 0.0, 0.0
    for block in blocks:
        for start in range(0, len(block), step):
            part = block[start : start + step]
            started = time.perf_counter()
            made = conversion.push(part)
            took = time.perf_counter() - started
            samples, busy, longest = samples + len(part), busy + took, max(longest, took)
            write(made)
    started = time.perf_counter()
    write(conversion.finish())
    busy += time.perf_counter() - started
    return Figures(
        seconds=samples / rate,
        delay_s=conversion.delay_s + longest,
        dropped_s=0.0,
        drops=0,
        busy=busy * rate / max(1, samples),
        longest_s=longest,
    )


def paced(
    worker: LiveWorker,
    blocks: Iterable[Samples],
    write: Callable[[Samples], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Figures:
    """Play a recording to a worker as a microphone would, and write what a loudspeaker would play.

    Parameters
    ----------
    worker : entered
    blocks : (time,) at the worker's rate
    write : called with what is played, as long as the recording and the delay
    """
    size, begun, sent = max(1, round(BLOCK_S * worker.rate)), clock(), 0
    for part in _cut(blocks, size, round(worker.delay_s * worker.rate)):
        sent += len(part)
        # A block is there once its last sample is spoken.
        if (wait := begun + sent / worker.rate - clock()) > 0:
            sleep(wait)
        if worker.error is not None:
            raise worker.error
        write(worker.exchange(part))
    return worker.figures()


def _cut(blocks: Iterable[Samples], size: int, silence: int) -> Iterable[Samples]:
    """Cut blocks, followed by silence, into blocks of one length; the last may be shorter."""
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    held = np.concatenate([held, np.zeros(silence, np.float32)])
    for start in range(0, len(held), size):
        yield held[start : start + size]
