"""Free-running sampling of many utterances, in batches and chunks, with progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vqspeech.errors import InputError
from vqspeech.nn.decoders.mulaw import mu_law_decode
from vqspeech.nn.decoders.protocol import Piece, SpeakOptions
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling.draws import uniforms
from vqspeech.sampling.engines import ENGINES, MOST_STREAMS, Engine, resolve
from vqspeech.sampling.split import Assembly, UtterancePart, number_of_parts, plan
from vqspeech.speech import Speech, collect

__all__ = ["CHUNK_FRAMES", "Conditions", "pieces", "sample", "stream", "uniforms"]

CHUNK_FRAMES = 25
"""Maximal number of conditioning frames in a chunk."""

CHUNK_SECONDS = 0.4
"""Wall time per chunk; chunks that take longer are shortened."""


class Conditions(Protocol):
    """Conditions of the gates, (frames, layers, 2 * width): a tensor, or slices of one."""

    def __len__(self) -> int: ...

    def __getitem__(self, frames: slice, /) -> Tensor: ...


def sample(
    decoder: WaveNet,
    conditions: Sequence[Conditions],
    lengths: Sequence[int],
    *,
    seed: int = 0,
    streams: Sequence[int] | None = None,
    temperature: float = 1.0,
    engine: str = "auto",
    weights: str = "fp32",
    parts: int | str = 1,
    progress: Callable[[int, int], None] | None = None,
    deliver: Callable[[int, np.ndarray, bool], None] | None = None,
) -> Speech:
    """Sample utterances from a WaveNet in parallel; each sample is the input for the next.

    The result for an utterance depends on its conditions, the seed, its stream number and `parts`, not on the batch.

    Parameters
    ----------
    decoder : the network
    conditions : conditions of each utterance, (frames, layers, 2 * width), see `WaveNet.conditions`
    lengths : number of samples of each utterance, at most frames * condition_samples
    seed, temperature, engine, weights, parts, progress : see `SpeakOptions`
    streams : random stream of each utterance; 0, 1, 2, ... when None
    deliver : see `vqspeech.speech.collect`

    Raises
    ------
    InputError : for a negative temperature, a length beyond the conditions, or fewer than 1 part
    UnknownNameError : for an unknown engine
    SpeechInterrupted : at Ctrl-C; holds the samples drawn until then
    """
    options = SpeakOptions(
        seed=seed,
        temperature=temperature,
        engine=engine,
        weights=weights,
        parts=parts,
        streams=None if streams is None else tuple(streams),
        progress=progress,
    )
    return collect(pieces(decoder, conditions, lengths, options), len(lengths), deliver)


def pieces(
    decoder: WaveNet, conditions: Sequence[Conditions], lengths: Sequence[int], options: SpeakOptions
) -> Iterator[Piece]:
    """Sample utterances piece by piece; arguments and errors as in `sample`.

    Progress counts samples of the longest utterance, or of the longest in every batch, summed. An utterance in parts
    is yielded as one piece.
    """
    _check(decoder, conditions, lengths, options.temperature)
    name, streams = resolve(options.engine), options.streams
    plans = _plans(decoder, lengths, options.parts)
    return _pieces(decoder, conditions, lengths, plans, name, options, streams or tuple(range(len(lengths))))


def _pieces(
    decoder: WaveNet,
    conditions: Sequence[Conditions],
    lengths: Sequence[int],
    plans: list[list[UtterancePart]],
    name: str,
    options: SpeakOptions,
    streams: Sequence[int],
) -> Iterator[Piece]:
    places = [(utterance, part) for utterance, its in enumerate(plans) for part in range(len(its))]
    jobs = [_Job(conditions[u], plans[u][part], streams[u]) for u, part in places]
    order = sorted(range(len(jobs)), key=lambda place: -jobs[place].part.count)
    together = MOST_STREAMS[name]
    turns = [order[first : first + together] for first in range(0, len(order), together)]
    total, done = sum(jobs[turn[0]].part.count for turn in turns), 0
    ready: list[Piece] = []
    assembly = Assembly(
        plans, lengths, lambda utterance, piece, last: ready.append(Piece(utterance, piece, last, name))
    )
    progress = options.progress or (lambda done, total: None)

    def take_ready() -> list[Piece]:
        pieces = ready.copy()
        ready.clear()
        return pieces

    try:
        progress(0, total)
        yield from take_ready()
        for turn in turns:
            sampler = ENGINES[name](decoder, len(turn), weights=options.weights)
            name = sampler.name
            chunks = _chunks(
                sampler, decoder.condition_samples, [jobs[at] for at in turn], options.seed, options.temperature
            )
            for chunk in chunks:
                for at, waveform in zip(turn, chunk, strict=False):
                    assembly.add(*places[at], waveform)
                done += len(chunk[0])
                progress(done, total)
                yield from take_ready()
    except KeyboardInterrupt:
        assembly.interrupt()
        yield from take_ready()
        raise


def stream(
    decoder: WaveNet,
    conditions: Conditions,
    length: int,
    *,
    seed: int = 0,
    stream: int = 0,
    temperature: float = 1.0,
    engine: str = "auto",
    weights: str = "fp32",
) -> Iterator[np.ndarray]:
    """Sample one utterance piece by piece, in constant memory, with the result of `sample`.

    Parameters
    ----------
    conditions : (frames, layers, 2 * width), or an object that computes slices of it
    length : number of samples
    stream : random stream
    decoder, seed, temperature, engine, weights : see `sample`

    Yields
    ------
    float32 (time,) in [-1, 1], up to `CHUNK_FRAMES` conditioning frames at a time

    Raises
    ------
    InputError, UnknownNameError : as `sample`
    """
    _check(decoder, [conditions], [length], temperature)
    job = _Job(conditions, UtterancePart(0, length, 0), stream)
    sampler = ENGINES[resolve(engine)](decoder, 1, weights=weights)
    return (chunk[0] for chunk in _chunks(sampler, decoder.condition_samples, [job], seed, temperature))


@dataclass(frozen=True)
class _Job:
    conditions: Conditions
    part: UtterancePart
    stream: int

    def frames(self, first: int, last: int) -> Tensor:
        """Return rows of conditions; beyond the end, the last row is repeated."""
        rows = self.conditions[first : min(last, len(self.conditions))]
        if missing := last - first - len(rows):
            end = rows[-1:] if len(rows) else self.conditions[len(self.conditions) - 1 : len(self.conditions)]
            rows = torch.cat([rows, *[end] * missing])
        return rows


def _check(decoder: WaveNet, conditions: Sequence[Conditions], lengths: Sequence[int], temperature: float) -> None:
    if not temperature >= 0:
        raise InputError(f"temperature {temperature} is not usable; give 0 (most likely) or more, 1 is the model's own")
    for row, length in zip(conditions, lengths, strict=True):
        if length > len(row) * decoder.condition_samples:
            raise InputError(f"{length} samples requested, the codes cover {len(row) * decoder.condition_samples}")


def _plans(decoder: WaveNet, lengths: Sequence[int], parts: int | str) -> list[list[UtterancePart]]:
    if parts != "auto" and not (isinstance(parts, int) and parts >= 1):
        raise InputError(f"{parts!r} parts are not possible; give 1 or more, or 'auto'")
    return [
        plan(
            length,
            number_of_parts(length, len(lengths), torch.get_num_threads()) if isinstance(parts, str) else parts,
            decoder.condition_samples,
            decoder.receptive_field,
        )
        for length in lengths
    ]


def _chunks(
    sampler: Engine, hop: int, jobs: Sequence[_Job], seed: int, temperature: float
) -> Iterator[list[np.ndarray]]:
    """Yield waveforms of the unfinished jobs for each chunk of time; jobs are sorted, longest first."""
    first, frames = 0, CHUNK_FRAMES
    while first < jobs[0].part.count:
        started = time.monotonic()
        active = [job for job in jobs if job.part.count > first]
        count = min(frames * hop, jobs[0].part.count - first)
        offsets = [(job.part.first + first) // hop for job in active]
        rows = torch.stack([job.frames(at, at - (-count // hop)) for job, at in zip(active, offsets, strict=True)])
        draws = np.stack([uniforms(seed, job.stream, job.part.first + first, count) for job in active])
        levels = sampler.draw(rows, torch.from_numpy(draws), temperature)
        waveforms = mu_law_decode(levels).float().numpy()
        yield [row[: job.part.count - first] for row, job in zip(waveforms, active, strict=True)]
        first += count
        spent = max(time.monotonic() - started, 1e-9)
        frames = max(1, min(CHUNK_FRAMES, 2 * frames, int(frames * CHUNK_SECONDS / spent)))
