"""Free-running sampling of many utterances: batches, chunks, progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.errors import InputError
from vqspeech.nn.mulaw import mu_law_decode
from vqspeech.nn.wavenet import WaveNet
from vqspeech.sampling.draws import uniforms
from vqspeech.sampling.engines import ENGINES, resolve

__all__ = ["CHUNK_FRAMES", "Conditions", "Sampling", "SamplingInterrupted", "sample", "stream", "uniforms"]

CHUNK_FRAMES = 25
"""Conditioning frames drawn at most between two looks at the clock."""

CHUNK_SECONDS = 0.4
"""A chunk is made shorter when it takes longer."""

MOST_STREAMS = 64
"""Utterances that are drawn together; more are drawn in turns, so that memory does not grow with their number."""


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
    progress: Callable[[int, int], None] | None = None,
) -> Sampling:
    """Sample utterances from a WaveNet, many at once, each sample fed back as input for the next.

    What utterance u gets depends on its conditions, the seed and its stream number only, not on what else is in the batch.

    Parameters
    ----------
    decoder : the network
    conditions : of each utterance, (frames, layers, 2 * width), see `WaveNet.conditions`
    lengths : samples wanted of each, at most frames * condition_samples
    seed : of the draws
    streams : random stream of each utterance; 0, 1, 2, ... when None
    temperature : divides the logits; below 1 is less noisy and less natural, 0 takes the most likely level every time
    engine : ``"auto"`` or a name in `ENGINES`
    weights : ``"fp32"``, or ``"bf16"`` for half the memory traffic (engine cpu)
    progress : called with (samples drawn, samples to draw) of the longest utterance; of the longest of every turn, summed, when there are
        more than `MOST_STREAMS` utterances

    Raises
    ------
    InputError : for a negative temperature or too long a length
    UnknownNameError : for an unknown engine
    SamplingInterrupted : at Ctrl-C, with what has been drawn
    """
    _check(decoder, conditions, lengths, temperature)
    name = resolve(engine)
    numbers = list(range(len(lengths))) if streams is None else list(streams)
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    turns = [order[first : first + MOST_STREAMS] for first in range(0, len(order), MOST_STREAMS)]
    total, done = sum(lengths[turn[0]] for turn in turns), 0
    pieces: list[list[np.ndarray]] = [[] for _ in lengths]
    started = time.monotonic()

    def result() -> Sampling:
        waveforms = tuple(np.concatenate([np.zeros(0, np.float32), *parts]) for parts in pieces)
        drawn = sum(map(len, waveforms))
        return Sampling(
            waveforms=waveforms, engine=name, samples_per_second=drawn / max(time.monotonic() - started, 1e-9)
        )

    try:
        for turn in turns:
            chunks = _chunks(
                decoder,
                [conditions[index] for index in turn],
                [lengths[index] for index in turn],
                [numbers[index] for index in turn],
                seed=seed,
                temperature=temperature,
                engine=name,
                weights=weights,
            )
            for chunk in chunks:
                for index, part in zip(turn, chunk, strict=False):
                    pieces[index].append(part)
                done += len(chunk[0])
                if progress is not None:
                    progress(done, total)
    except KeyboardInterrupt as interrupt:
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
    chunks = _chunks(
        decoder,
        [conditions],
        [length],
        [stream],
        seed=seed,
        temperature=temperature,
        engine=resolve(engine),
        weights=weights,
    )
    return (chunk[0] for chunk in chunks)


def _check(decoder: WaveNet, conditions: Sequence[Conditions], lengths: Sequence[int], temperature: float) -> None:
    if not temperature >= 0:
        raise InputError(f"temperature {temperature} is not usable; give 0 (most likely) or more, 1 is the model's own")
    for row, length in zip(conditions, lengths, strict=True):
        if length > len(row) * decoder.condition_samples:
            raise InputError(f"{length} samples wanted, the codes cover {len(row) * decoder.condition_samples}")


def _chunks(
    decoder: WaveNet,
    conditions: Sequence[Conditions],
    lengths: Sequence[int],
    streams: Sequence[int],
    *,
    seed: int,
    temperature: float,
    engine: str,
    weights: str,
) -> Iterator[list[np.ndarray]]:
    """Utterances, longest first: of each chunk of time the waveforms of those that are not at their end."""
    sampler = ENGINES[engine](decoder, len(lengths), weights=weights)
    hop, first, frames = decoder.condition_samples, 0, CHUNK_FRAMES
    while first < lengths[0]:
        started = time.monotonic()
        active = sum(length > first for length in lengths)
        count = min(frames * hop, lengths[0] - first)
        rows = [row[first // hop : first // hop + frames] for row in conditions[:active]]
        padded = torch.stack([F.pad(row, (0, 0, 0, 0, 0, len(rows[0]) - len(row))) for row in rows])
        draws = np.stack([uniforms(seed, number, first, count) for number in streams[:active]])
        levels = sampler.draw(padded, torch.from_numpy(draws), temperature)
        waveforms = mu_law_decode(levels).float().numpy()
        yield [row[: length - first] for row, length in zip(waveforms, lengths, strict=False)]
        first += count
        spent = max(time.monotonic() - started, 1e-9)
        frames = max(1, min(CHUNK_FRAMES, 2 * frames, int(frames * CHUNK_SECONDS / spent)))
