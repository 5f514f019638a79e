"""Codes of waveforms of any length, in batches that never change them.

Rounding of a convolution depends on the shape it is computed in, and a latent halfway between two codes on rounding. So the shapes in which
a waveform is encoded follow from its own length alone: it is padded to one of a few lengths (25 % apart at most) with everything beyond
its end masked, or, where it is longer than `PIECE_S`, cut into pieces that overlap by what a code depends on; and a batch
always has the same number of rows, empty ones where there are no more waveforms. What else is encoded then changes no bit, on any
machine of the same kind, and memory is bounded whatever the length.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.errors import InputError
from vqspeech.model import Checkpoint

PIECE_S = 8.0
"""Longest stretch that is encoded at once, in seconds: the first layer of the paper's encoder takes 0.26 GB for it."""

ACCELERATOR_ROWS = 16
"""Rows of a batch on an accelerator. On CPUs it is one: more were not faster."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Piece:
    """A stretch of a waveform in code frames: `start` to `stop` are encoded, the latents of `first` to `last` are kept."""

    start: int
    stop: int
    first: int
    last: int


@dataclass
class _Waiting:
    """A waveform whose pieces are on their way."""

    n_samples: int
    missing: int
    latents: dict[int, torch.Tensor] = field(default_factory=dict)


def padded_frames(frames: int) -> int:
    """The least of 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... that is at least so many frames."""
    step = 1 << max(0, (frames - 1).bit_length() - 3)
    return max(4, -(-frames // step) * step)


def cut(frames: int, longest: int, before: int, after: int) -> list[Piece]:
    """Pieces of at most `longest` frames that together keep every frame once.

    Parameters
    ----------
    frames : length of the waveform
    before, after : frames around a kept one that it depends on; longest > before + after
    """
    pieces, first = [], 0
    while first < frames:
        start = max(0, first - before)
        stop = min(frames, start + longest)
        last = frames if stop == frames else stop - after
        pieces.append(Piece(start, stop, first, last))
        first = last
    return pieces


class BatchEncoder(Generic[Key]):
    """Encodes waveforms one after the other, in batches of pieces of equal padded length.

    Parameters
    ----------
    checkpoint : the model
    rows : of a batch; None for 1 on a CPU and `ACCELERATOR_ROWS` elsewhere. Another number may change codes, by rounding

    Raises
    ------
    InputError : rows below 1
    """

    def __init__(self, checkpoint: Checkpoint, rows: int | None = None) -> None:
        if rows is not None and rows < 1:
            raise InputError(f"a batch needs at least 1 row, got {rows}")
        self.model, self.device = checkpoint.model, checkpoint.device
        self.rows = rows or (1 if self.device.type == "cpu" else ACCELERATOR_ROWS)
        self.hop = self.model.hop_samples
        span = self.model.encoder.span
        self.before, self.after = -(-span.before // self.hop), max(0, -(-(span.after - self.hop) // self.hop))
        wanted = int(PIECE_S * checkpoint.config.sample_rate / self.hop)
        self.longest = padded_frames(max(wanted, 4 * (self.before + self.after)))
        self._queues: defaultdict[int, list[tuple[Key, Piece, npt.NDArray[np.float32]]]] = defaultdict(list)
        self._waiting: dict[Key, _Waiting] = {}

    def encode(
        self, waveforms: Iterable[tuple[Key, npt.NDArray[np.float32]]]
    ) -> Iterator[tuple[Key, int, npt.NDArray[np.int64]]]:
        """(key, samples, codes (codebooks, frames)) of (key, waveform (time,)), each as soon as it is known, so in another order."""
        for key, waveform in waveforms:
            if not len(waveform):
                raise InputError(f"{key}: a waveform without samples has no codes")
            pieces = cut(-(-len(waveform) // self.hop), self.longest, self.before, self.after)
            self._waiting[key] = _Waiting(len(waveform), len(pieces))
            for piece in pieces:
                size = padded_frames(piece.stop - piece.start)
                self._queues[size].append((key, piece, waveform[piece.start * self.hop : piece.stop * self.hop]))
                if len(self._queues[size]) == self.rows:
                    yield from self._run(size)
        for size in sorted(self._queues):
            yield from self._run(size)

    def _run(self, size: int) -> list[tuple[Key, int, npt.NDArray[np.int64]]]:
        queue = self._queues.pop(size)
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False, deterministic=True):
            waveform = torch.zeros(self.rows, size * self.hop)
            lengths = torch.zeros(self.rows, dtype=torch.int64)
            for row, (_, _, samples) in enumerate(queue):
                waveform[row, : len(samples)] = torch.from_numpy(np.array(samples, dtype=np.float32))
                lengths[row] = len(samples)
            latents = self.model.encoder(waveform.to(self.device), lengths.to(self.device))
            finished = []
            for row, (key, piece, _) in enumerate(queue):
                waiting = self._waiting[key]
                kept = slice(piece.first - piece.start, piece.last - piece.start)
                waiting.latents[piece.first] = latents[row, :, kept].clone()
                if len(waiting.latents) == waiting.missing:
                    del self._waiting[key]
                    finished.append((key, waiting.n_samples, self._codes(waiting)))
        return finished

    def _codes(self, waiting: _Waiting) -> npt.NDArray[np.int64]:
        """The quantizer sees the whole utterance, as some may look around."""
        whole = torch.cat([waiting.latents[first] for first in sorted(waiting.latents)], 1)
        codes: npt.NDArray[np.int64] = self.model.quantizer.encode(whole[None])[0].cpu().numpy()
        return codes
