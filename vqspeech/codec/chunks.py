"""Encode recordings of any length in chunks whose shapes depend on their own length only.

Rounding of a convolution depends on the shape of its input, and the code of a latent halfway between two codes depends
on rounding. Therefore a waveform is padded to one of a few lengths (at most 25 % apart) and masked beyond its end. A
waveform longer than `CHUNK_S` is cut into chunks that overlap by the receptive field of a code. A batch always has the
same number of rows, with empty rows at the end. Codes then do not depend on the other recordings of a batch, or on the
blocks in which a recording is read, on machines of the same kind. Memory is bounded by the recording's latents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.errors import AudioError, InputError
from vqspeech.nn.vqvae import VQVAE

CHUNK_S = 8.0
"""Maximal length of a chunk in seconds; the first layer of the paper's encoder needs 0.26 GB for it."""

ACCELERATOR_ROWS = 16
"""Batch size on accelerators. On CPUs it is 1; larger batches are not faster."""

Key = TypeVar("Key", bound=Hashable)
Waveform = npt.NDArray[np.float32] | Iterable[npt.NDArray[np.float32]]
"""A waveform (time,), or its consecutive blocks."""


@dataclass(frozen=True)
class Chunk:
    """Frames of a waveform: `start` to `stop` are encoded, `first` to `last` of these are kept."""

    start: int
    stop: int
    first: int
    last: int
    final: bool


@dataclass
class _Pending:
    """A recording whose chunks are being encoded; its length is known after the final chunk."""

    n_samples: int = 0
    frames: int | None = None
    latents: dict[int, torch.Tensor] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.frames is not None and sum(part.shape[1] for part in self.latents.values()) == self.frames


def padded_frames(frames: int) -> int:
    """Return the least of 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... that is at least `frames`."""
    step = 1 << max(0, (frames - 1).bit_length() - 3)
    return max(4, -(-frames // step) * step)


def cut(
    blocks: Iterable[npt.NDArray[np.float32]], hop: int, longest: int | None, before: int, after: int
) -> Iterator[tuple[Chunk, npt.NDArray[np.float32]]]:
    """Cut a waveform into chunks that keep every frame once; yield each as early as possible.

    Parameters
    ----------
    blocks : consecutive blocks of the waveform
    hop : samples per frame
    longest : maximal frames of a chunk, more than before + after; None for a single chunk
    before, after : frames on which a kept frame depends

    Yields
    ------
    a chunk and its samples; nothing for a waveform without samples
    """
    # `held` starts at frame `start`; frames before `first` are in earlier chunks
    held, start, first = np.zeros(0, np.float32), 0, 0
    if longest is None:
        # Joined once: block by block, the time would grow with the square of the length.
        blocks = [np.concatenate([held, *blocks])]
    for block in blocks:
        held = np.concatenate([held, block])
        while longest is not None and len(held) > longest * hop:
            stop = start + longest
            yield Chunk(start, stop, first, stop - after, final=False), held[: longest * hop]
            first = stop - after
            unused = max(0, first - before) - start
            held, start = held[unused * hop :], start + unused
    if len(held):
        frames = start - (-len(held) // hop)
        yield Chunk(start, frames, first, frames, final=True), held


def default_rows(device: torch.device) -> int:
    """Return the batch size of a device."""
    return 1 if device.type == "cpu" else ACCELERATOR_ROWS


class ChunkEncoder(Generic[Key]):
    """Encodes recordings in batches of chunks of equal padded length.

    An encoder without a `span` receives every recording in one chunk.

    Parameters
    ----------
    model : model in evaluation mode
    sample_rate : rate of the waveforms in Hz
    rows : batch size; None for `default_rows`. Another size may change codes, by rounding

    Raises
    ------
    InputError : for `rows` below 1; from `encode`, for a recording too long for an encoder without a `span`
    """

    def __init__(self, model: VQVAE, sample_rate: int, rows: int | None = None) -> None:
        if rows is not None and rows < 1:
            raise InputError(f"a batch needs at least 1 row, got {rows}")
        self.model, self.device, self.sample_rate = model, next(model.parameters()).device, sample_rate
        self.rows = rows or default_rows(self.device)
        self.hop = model.hop_samples
        span = model.encoder.span
        self.longest: int | None = None
        self.before = self.after = 0
        if span is not None:
            self.before, self.after = -(-span.before // self.hop), max(0, -(-(span.after - self.hop) // self.hop))
            chunk_frames = int(CHUNK_S * sample_rate / self.hop)
            self.longest = padded_frames(max(chunk_frames, 4 * (self.before + self.after)))
        self._queues: defaultdict[int, list[tuple[Key, Chunk, npt.NDArray[np.float32]]]] = defaultdict(list)
        self._pending: dict[Key, _Pending] = {}

    def encode(
        self, waveforms: Iterable[tuple[Key, Waveform]], skip: Callable[[Key, AudioError], None] | None = None
    ) -> Iterator[tuple[Key, int, npt.NDArray[np.int64]]]:
        """Encode (key, waveform) pairs; yield key, samples and codes (codebooks, frames) of each.

        Recordings are yielded as soon as they are complete, in any order.

        Parameters
        ----------
        waveforms : keys and waveforms
        skip : called with the key of a recording whose blocks cannot be read, and the reason; the others are encoded

        Raises
        ------
        InputError : for a waveform without samples
        AudioError : for a recording whose blocks cannot be read, without `skip`
        """
        for key, waveform in waveforms:
            pending = self._pending[key] = _Pending()
            blocks = [waveform] if isinstance(waveform, np.ndarray) else waveform
            try:
                for chunk, samples in cut(blocks, self.hop, self.longest, self.before, self.after):
                    if chunk.final:
                        pending.n_samples, pending.frames = chunk.start * self.hop + len(samples), chunk.stop
                    size = padded_frames(chunk.stop - chunk.start)
                    self._queues[size].append((key, chunk, samples))
                    if len(self._queues[size]) == self.rows:
                        yield from self._run(size)
            except AudioError as error:
                if skip is None:
                    raise
                self._forget(key)
                skip(key, error)
                continue
            if pending.frames is None:
                raise InputError(f"{key}: a waveform without samples has no codes")
        for size in sorted(self._queues):
            yield from self._run(size)

    def _forget(self, key: Key) -> None:
        """Drop what is kept of a recording."""
        self._pending.pop(key, None)
        for size, queue in self._queues.items():
            self._queues[size] = [entry for entry in queue if entry[0] != key]

    def _run(self, size: int) -> list[tuple[Key, int, npt.NDArray[np.int64]]]:
        queue = self._queues.pop(size)
        if not queue:
            return []
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False, deterministic=True):
            waveform = torch.zeros(self.rows, size * self.hop)
            lengths = torch.zeros(self.rows, dtype=torch.int64)
            for row, (_, _, samples) in enumerate(queue):
                waveform[row, : len(samples)] = torch.from_numpy(np.array(samples, dtype=np.float32))
                lengths[row] = len(samples)
            try:
                latents = self.model.encoder(waveform.to(self.device), lengths.to(self.device))
            except RuntimeError as error:
                if self.longest is None and _out_of_memory(error):
                    raise InputError(
                        f"the encoder takes a recording as a whole, and {int(lengths.max()) / self.sample_rate:.0f} s "
                        "do not fit in memory; cut it into shorter recordings"
                    ) from error
                raise
        finished = []
        for row, (key, chunk, _) in enumerate(queue):
            kept = slice(chunk.first - chunk.start, chunk.last - chunk.start)
            self._pending[key].latents[chunk.first] = latents[row, :, kept].clone()
            if self._pending[key].complete:
                finished.append(self._finish(key))
        return finished

    @torch.inference_mode()
    def _finish(self, key: Key) -> tuple[Key, int, npt.NDArray[np.int64]]:
        """Quantize a whole recording, since a quantizer may use several frames."""
        pending = self._pending.pop(key)
        whole = torch.cat([pending.latents[first] for first in sorted(pending.latents)], 1)
        codes: npt.NDArray[np.int64] = self.model.quantizer.encode(whole[None])[0].cpu().numpy()
        return key, pending.n_samples, codes


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
