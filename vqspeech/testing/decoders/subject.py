"""The decoder under test, built anew for each check, with crops to train it on and latents to speak."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vqspeech.nn.batch import PITCH_RATE, SpeechBatch
from vqspeech.nn.decoders.protocol import MAIN, Decoder, DecoderStream, Latents, Piece, SpeakOptions, Stretch
from vqspeech.nn.share import Share
from vqspeech.registry.specs import DecoderSpec
from vqspeech.testing.modules import build, generator

FRAMES = 24
"""Latents of a crop."""

WINDOW = 12
"""Latents of the stretch that a decoder is trained on."""


class Frames:
    """Standard normal latents, times `scale`, that give stretches and nothing else; see `LatentFrames`."""

    def __init__(self, dim: int, frames: int, seed: int, scale: float = 1.0) -> None:
        self.values = scale * torch.randn(dim, frames, generator=generator(seed))

    def __len__(self) -> int:
        return self.values.shape[1]

    def __getitem__(self, frames: slice, /) -> Tensor:
        """(dim, frames) of a stretch."""
        plain = isinstance(frames, slice) and frames.step in (None, 1)
        assert plain, f"asks for latents[{frames!r}]; a LatentFrames gives stretches, latents[start:stop]"
        return self.values[:, frames]


@dataclass(frozen=True)
class DecoderSubject:
    """A registered name or a factory, with the arguments to build a decoder.

    Parameters
    ----------
    decoder : the name, or ``make(latents, **options)``
    dim, hop_samples, sample_rate, speakers : as in `vqspeech.nn.decoders.protocol.Latents`
    options : keys of ``[model.decoder]``
    """

    decoder: str | Callable[..., Decoder]
    dim: int = 8
    hop_samples: int = 64
    sample_rate: int = 16_000
    speakers: int = 3
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """See `vqspeech.testing.cases.Subject`."""
        return self.decoder if isinstance(self.decoder, str) else self.decoder.__name__

    def without_speakers(self) -> DecoderSubject:
        """The same decoder for latents without speakers."""
        return replace(self, speakers=0)

    def fresh(self, seed: int = 0) -> Decoder:
        """A new decoder in training mode, a function of the seed."""
        latents = Latents(
            dim=self.dim, hop_samples=self.hop_samples, sample_rate=self.sample_rate, speakers=self.speakers
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made: Decoder = build(DecoderSpec, self.decoder, latents, self.options)
        return made.train()

    def started(self) -> Decoder:
        """A new decoder after its data-dependent initialisation."""
        decoder = self.fresh()
        with torch.no_grad():
            decoder.start(self.batch()[1], generator(2))
        return decoder

    def batch(self, rows: int = 5, frames: int = FRAMES, seed: int = 0) -> tuple[Tensor, SpeechBatch]:
        """Latents (rows, dim, frames), zero beyond each end, and crops; the second row ends inside its window.

        More `frames` than `FRAMES` are padding: the crops are the same.
        """
        samples = FRAMES * self.hop_samples
        time = torch.arange(samples) / self.sample_rate
        pitch_hz = 80 + 160 * torch.rand(rows, 1, generator=generator(seed))
        noise = torch.randn(rows, samples, generator=generator(seed + 1))
        waveform = (0.3 * torch.sin(2 * torch.pi * pitch_hz * time) + 0.05 * noise).clamp(-1, 1)
        lengths = torch.full((rows,), samples)
        lengths[1:2] = samples // 2 + self.hop_samples // 3
        waveform = waveform * (torch.arange(samples) < lengths[:, None])
        z_q = torch.randn(rows, self.dim, FRAMES, generator=generator(seed + 2))
        z_q = z_q * (torch.arange(FRAMES) * self.hop_samples < lengths[:, None])[:, None]
        contour = torch.arange(-(-samples * PITCH_RATE // self.sample_rate)) * self.sample_rate
        f0 = pitch_hz * (contour < lengths[:, None] * PITCH_RATE)
        more = frames - FRAMES
        missing = -(-frames * self.hop_samples * PITCH_RATE // self.sample_rate) - f0.shape[1]
        return nn.functional.pad(z_q, (0, more)), SpeechBatch(
            waveform=nn.functional.pad(waveform, (0, more * self.hop_samples)),
            lengths=lengths,
            speaker=torch.arange(rows) % max(1, self.speakers),
            window_start=(5 + torch.arange(rows)) % (FRAMES - WINDOW),
            window_frames=WINDOW,
            f0=nn.functional.pad(f0, (0, missing)),
        )

    def share(self, z_q: Tensor, batch: SpeechBatch, rank: int, ranks: int) -> tuple[Tensor, SpeechBatch]:
        """The rows rank, rank + ranks, ... with the normalisers of the whole batch."""
        rows, hop = slice(rank, None, ranks), self.hop_samples
        start = batch.window_start * hop
        samples = (batch.lengths - start).clamp(0, batch.window_frames * hop).sum()
        frames = (-(-batch.lengths // hop)).sum()
        return z_q[rows], SpeechBatch(
            waveform=batch.waveform[rows],
            lengths=batch.lengths[rows],
            speaker=batch.speaker[rows],
            window_start=batch.window_start[rows],
            window_frames=batch.window_frames,
            share=Share(rank, ranks, len(batch.waveform), int(samples), int(frames)),
            f0=None if batch.f0 is None else batch.f0[rows],
        )

    def speak(
        self, decoder: Decoder, utterances: Sequence[int] = (0, 1, 2), **options: Any
    ) -> tuple[list[npt.NDArray[np.float32]], list[Piece]]:
        """Speak some of three utterances, each with the stream of its number: waveforms, and all pieces."""
        options = {"streams": tuple(utterances), **options}
        pieces = list(
            decoder.speak(
                [self.utterance(number) for number in utterances],
                [number % self.speakers if self.speakers else None for number in utterances],
                [self.samples(decoder, number) for number in utterances],
                SpeakOptions(**options),
            )
        )
        waveforms = []
        for place in range(len(utterances)):
            own = [np.asarray(piece.waveform) for piece in pieces if piece.utterance == place]
            waveforms.append(np.concatenate([np.zeros(0, np.float32), *own]))
        return waveforms, pieces

    def utterance(self, number: int) -> Frames:
        """Latents of 7, 10 and 13 frames, the last far from those of training."""
        return Frames(self.dim, 7 + 3 * number, seed=20 + number, scale=30.0 if number == 2 else 1.0)

    def stream(self, decoder: Decoder) -> DecoderStream | None:
        """Begin the utterance of `speak_at_once`."""
        return decoder.stream(0 if self.speakers else None, SpeakOptions(seed=3, streams=(4,)))

    def contours(self, frames: int) -> list[npt.NDArray[np.float32] | None]:
        """Predicted F0 and, for a decoder that needs pitch, one of a few voiced frames; `frames` are latents."""
        count = -(-frames * self.hop_samples * PITCH_RATE // self.sample_rate)
        rising = np.linspace(90, 180, count, dtype=np.float32)
        rising[count // 3 : count // 2] = 0
        return [None, rising] if self.fresh().needs_pitch else [None]

    def speak_at_once(
        self, decoder: Decoder, frames: int, pitch: npt.NDArray[np.float32] | None
    ) -> npt.NDArray[np.float32]:
        """Speak an utterance of so many latents; (time,)."""
        options = SpeakOptions(seed=3, streams=(4,), pitch=None if pitch is None else (pitch,))
        speaker, length = 0 if self.speakers else None, frames * decoder.hop_samples
        pieces = decoder.speak([Frames(self.dim, frames, seed=30)], [speaker], [length], options)
        return np.concatenate([piece.waveform for piece in pieces])

    def stretches(
        self, decoder: Decoder, frames: int, size: int, pitch: npt.NDArray[np.float32] | None
    ) -> list[npt.NDArray[np.float32]]:
        """Generate that utterance `size` latents at a time, with as many around them as the stream's margin."""
        stream, latents, made = self.stream(decoder), Frames(self.dim, frames, seed=30), []
        assert stream is not None, "stream is None the second time"
        for first in range(0, frames, size):
            last = min(frames, first + size)
            start, stop = max(0, first - stream.margin), min(frames, last + stream.margin)
            made.append(
                stream.next(Stretch(latents=latents[start:stop], start=start, first=first, last=last, pitch=pitch))
            )
        return made

    def samples(self, decoder: Decoder, number: int) -> int:
        """Wanted of an utterance: all, less than a frame less, one."""
        whole = len(self.utterance(number)) * decoder.hop_samples
        return (whole, whole - decoder.hop_samples // 3, whole - decoder.hop_samples + 1)[number]


def groups(decoder: Decoder) -> dict[str, list[nn.Parameter]]:
    """Every group with the parameters that its loss trains, ``"main"`` first."""
    apart = decoder.parameter_groups()
    named = {id(parameter) for parameters in apart.values() for parameter in parameters}
    rest = [parameter for parameter in decoder.parameters() if parameter.requires_grad and id(parameter) not in named]
    return {MAIN: rest, **apart}


@contextmanager
def training_only(decoder: Decoder, group: str) -> Iterator[None]:
    """Ask for gradients of one group only, as the Trainer does."""
    before = [(parameter, parameter.requires_grad) for parameter in decoder.parameters()]
    own = {id(parameter) for parameter in groups(decoder)[group]}
    for parameter, _ in before:
        parameter.requires_grad_(id(parameter) in own)
    try:
        yield
    finally:
        for parameter, flag in before:
            parameter.requires_grad_(flag)
