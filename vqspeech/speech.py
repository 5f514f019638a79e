"""Generated speech: collect pieces of utterances, or pass them on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqspeech.nn.decoders.protocol import Piece

Deliver = Callable[[int, npt.NDArray[np.float32], bool], None]
"""Called with an utterance's index, its next samples (time,), and whether these are the last."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """Generated utterances.

    Parameters
    ----------
    waveforms : one float32 array (time,) in [-1, 1] per utterance; empty when pieces were delivered
    engine : name of the sampling engine
    samples_per_second : samples of all utterances per second of wall time
    """

    waveforms: tuple[npt.NDArray[np.float32], ...]
    engine: str
    samples_per_second: float


class SpeechInterrupted(KeyboardInterrupt):
    """Ctrl-C during generation; `speech` holds the beginning of each utterance."""

    def __init__(self, speech: Speech) -> None:
        super().__init__()
        self.speech = speech


def collect(pieces: Iterable[Piece], count: int, deliver: Deliver | None = None) -> Speech:
    """Collect the pieces of utterances into waveforms.

    Parameters
    ----------
    pieces : pieces from `Decoder.speak`
    count : number of utterances
    deliver : receives the pieces; none are then kept, so memory does not grow with the length

    Raises
    ------
    SpeechInterrupted : at Ctrl-C; holds the speech generated until then
    """
    kept: list[list[npt.NDArray[np.float32]]] = [[] for _ in range(count)]
    started, samples, engine = time.monotonic(), 0, ""

    def result() -> Speech:
        return Speech(
            waveforms=tuple(np.concatenate([np.zeros(0, np.float32), *some]) for some in kept),
            engine=engine,
            samples_per_second=samples / max(time.monotonic() - started, 1e-9),
        )

    try:
        for piece in pieces:
            engine = piece.engine or engine
            samples += len(piece.waveform)
            if deliver is not None:
                deliver(piece.utterance, piece.waveform, piece.last)
            else:
                kept[piece.utterance].append(piece.waveform)
    except KeyboardInterrupt as interrupt:
        raise SpeechInterrupted(result()) from interrupt
    return result()
