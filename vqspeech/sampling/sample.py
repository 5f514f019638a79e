"""Free-running sampling of many utterances: random numbers, engines, progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.errors import InputError, unknown_name
from vqspeech.nn.mulaw import mu_law_decode
from vqspeech.nn.wavenet import WaveNet
from vqspeech.sampling.reference import ReferenceSampler

CHUNK_FRAMES = 25
"""Conditioning frames drawn between two looks at the clock."""


class Engine(Protocol):
    """Draws the next samples of a batch of streams; see `ReferenceSampler`."""

    def draw(self, conditions: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
        """The next mu-law levels (batch, time)."""
        ...


ENGINES: dict[str, Callable[[WaveNet, int], Engine]] = {"reference": ReferenceSampler}
"""Engine name -> made of a decoder and a number of streams."""


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


def sample(
    decoder: WaveNet,
    conditions: Sequence[Tensor],
    lengths: Sequence[int],
    *,
    seed: int = 0,
    streams: Sequence[int] | None = None,
    temperature: float = 1.0,
    engine: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Sampling:
    """Sample utterances from a WaveNet, all at once, each sample fed back as input for the next.

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
    progress : called with (samples drawn, samples to draw) of the longest utterance

    Raises
    ------
    InputError : for a negative temperature or too long a length
    UnknownNameError : for an unknown engine
    """
    if not temperature >= 0:
        raise InputError(f"temperature {temperature} is not usable; give 0 (most likely) or more, 1 is the model's own")
    name = "reference" if engine == "auto" else engine
    if name not in ENGINES:
        raise unknown_name("sampling engine", name, ["auto", *ENGINES])
    for row, length in zip(conditions, lengths, strict=True):
        if length > len(row) * decoder.condition_samples:
            raise InputError(f"{length} samples wanted, the codes cover {len(row) * decoder.condition_samples}")
    if not conditions:
        return Sampling(waveforms=(), engine=name, samples_per_second=0.0)
    started = time.monotonic()
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    frames = max(len(row) for row in conditions)
    padded = torch.stack(
        [F.pad(conditions[index], (0, 0, 0, 0, 0, frames - len(conditions[index]))) for index in order]
    )
    numbers = [order[place] if streams is None else streams[order[place]] for place in range(len(order))]
    sampler = ENGINES[name](decoder, len(order))
    longest, step, pieces = max(lengths), CHUNK_FRAMES * decoder.condition_samples, []
    for first in range(0, longest, step):
        count = min(step, longest - first)
        frame = first // decoder.condition_samples
        draws = np.stack([uniforms(seed, number, first, count) for number in numbers])
        pieces.append(sampler.draw(padded[:, frame : frame + CHUNK_FRAMES], torch.from_numpy(draws), temperature))
        if progress is not None:
            progress(first + count, longest)
    levels = torch.cat(pieces, 1) if pieces else torch.zeros(len(order), 0, dtype=torch.int64)
    waveforms = mu_law_decode(levels).float().numpy()
    result = {index: waveforms[place, : lengths[index]] for place, index in enumerate(order)}
    return Sampling(
        waveforms=tuple(result[index] for index in range(len(lengths))),
        engine=name,
        samples_per_second=sum(lengths) / max(time.monotonic() - started, 1e-9),
    )


def uniforms(seed: int, stream: int, first: int, count: int) -> np.ndarray:
    """Uniform numbers first, first + 1, ... of a stream: (count,) float64 in [0, 1).

    Philox with key (seed, stream) gives four numbers per counter value, so any stretch can be had without those before it.
    """
    philox = np.random.Philox(key=np.array([seed % 2**64, stream % 2**64], dtype=np.uint64))
    philox.advance(first // 4)
    return np.random.Generator(philox).random(first % 4 + count)[first % 4 :]
