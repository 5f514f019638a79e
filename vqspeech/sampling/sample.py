"""Free-running sampling of many utterances: batches, chunks, progress."""

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
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling.draws import uniforms
from vqspeech.sampling.engines import ENGINES, MOST_STREAMS, Engine, resolve
from vqspeech.sampling.split import Assembly, Part, number_of_parts, plan

__all__ = ["CHUNK_FRAMES", "Conditions", "Sampling", "SamplingInterrupted", "sample", "stream", "uniforms"]

CHUNK_FRAMES = 25
"""Conditioning frames drawn at most between two looks at the clock."""

CHUNK_SECONDS = 0.4
"""A chunk is made shorter when it takes longer."""


class Conditions(Protocol):
    """What layers add to their gates, (frames, layers, 2 * width), as a tensor or as anything that gives slices of it."""

    def __len__(self) -> int: ...

    def __getitem__(self, frames: slice, /) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What sampling gives.

    Parameters
    ----------
    waveforms : one float32 array (time,) in [-1, 1] per utterance
    engine : name of the engine
    samples_per_second : drawn in all, per second of wall clock
    """

    waveforms: tuple[np.ndarray, ...]
    engine: str
    samples_per_second: float


class SamplingInterrupted(KeyboardInterrupt):
    """Ctrl-C while sampling; `sampling` holds what there was, each waveform a beginning of what it would have been."""

    def __init__(self, sampling: Sampling) -> None:
        super().__init__()
        self.sampling = sampling


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
) -> Sampling:
    """Sample utterances from a WaveNet, many at once, each sample fed back as input for the next.

    What utterance u gets depends on its conditions, the seed, its stream number and `parts`, not on what else is in the batch.

    Parameters
    ----------
    decoder : the network
    conditions : of each utterance, (frames, layers, 2 * width), see `WaveNet.conditions`
    lengths : samples wanted of each, at most frames * condition_samples
    seed : of the draws
    streams : random stream of each utterance; 0, 1, 2, ... when None
    temperature : divides the logits; below 1 is less noisy and less natural, 0 takes the most likely level every time
    engine : ``"auto"`` or a name in `ENGINES`
    weights : ``"fp32"``, or ``"bf16"`` for more speed (engines cpu and cuda)
    parts : cuts every utterance in so many parts that are drawn at the same time (see `split` for what it costs); ``"auto"`` cuts long ones
        where there are more cores than utterances, so that what they get depends on the machine
    progress : called with (samples drawn, samples to draw) of the longest utterance; of the longest of every turn, summed, when there are
        more utterances or parts than an engine draws together
    deliver : called with an utterance's index, its next samples, and whether these are the last, so that nothing is kept and memory does not
        grow with the length; an utterance in parts comes whole. The waveforms of the result are empty then

    Raises
    ------
    InputError : for a negative temperature, too long a length, or a number of parts below 1
    UnknownNameError : for an unknown engine
    SamplingInterrupted : at Ctrl-C, with what has been drawn
    """
    _check(decoder, conditions, lengths, temperature)
    name = resolve(engine)
    plans = _plans(decoder, lengths, parts)
    places = [(utterance, part) for utterance, its in enumerate(plans) for part in range(len(its))]
    jobs = [_Job(conditions[u], plans[u][part], u if streams is None else streams[u]) for u, part in places]
    order = sorted(range(len(jobs)), key=lambda place: -jobs[place].part.count)
    together = MOST_STREAMS[name]
    turns = [order[first : first + together] for first in range(0, len(order), together)]
    total, done = sum(jobs[turn[0]].part.count for turn in turns), 0
    kept: list[list[np.ndarray]] = [[] for _ in lengths]
    assembly = Assembly(plans, lengths, deliver or (lambda utterance, piece, last: kept[utterance].append(piece)))
    started = time.monotonic()

    def result() -> Sampling:
        return Sampling(
            waveforms=tuple(np.concatenate([np.zeros(0, np.float32), *pieces]) for pieces in kept),
            engine=name,
            samples_per_second=assembly.samples / max(time.monotonic() - started, 1e-9),
        )

    try:
        if progress is not None:
            progress(0, total)
        for turn in turns:
            sampler = ENGINES[name](decoder, len(turn), weights=weights)
            name = sampler.name
            for chunk in _chunks(sampler, decoder.condition_samples, [jobs[at] for at in turn], seed, temperature):
                for at, waveform in zip(turn, chunk, strict=False):
                    assembly.add(*places[at], waveform)
                done += len(chunk[0])
                if progress is not None:
                    progress(done, total)
    except KeyboardInterrupt as interrupt:
        assembly.interrupt()
        raise SamplingInterrupted(result()) from interrupt
    return result()


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
    """One utterance piece by piece, in memory that does not grow with its length; the pieces together are what `sample` gives.

    Parameters
    ----------
    conditions : (frames, layers, 2 * width), or an object that computes slices of it
    length : samples wanted
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
    job = _Job(conditions, Part(0, length, 0), stream)
    sampler = ENGINES[resolve(engine)](decoder, 1, weights=weights)
    return (chunk[0] for chunk in _chunks(sampler, decoder.condition_samples, [job], seed, temperature))


@dataclass(frozen=True)
class _Job:
    conditions: Conditions
    part: Part
    stream: int

    def frames(self, first: int, last: int) -> Tensor:
        """Rows of conditions; the last one holds beyond the end."""
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
            raise InputError(f"{length} samples wanted, the codes cover {len(row) * decoder.condition_samples}")


def _plans(decoder: WaveNet, lengths: Sequence[int], parts: int | str) -> list[list[Part]]:
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
    """Jobs, longest first: of each chunk of time the waveforms of those that are not at their end. `hop` is samples per row of conditions."""
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
