"""Batches of speech: crops drawn from a store as a pure function of (seed, step)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.audio.pitch import PITCH_RATE
from vqspeech.corpora.contours import Contours
from vqspeech.corpora.phone_labels import PhoneLabels
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import CorpusError
from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.share import Share
from vqspeech.training.draws import TRAIN, generator


class SpeechBatches:
    """Random crops of some of a store's utterances.

    A crop is drawn uniformly over time: an utterance with probability proportional to its length, then an offset. With
    a balance, speakers are drawn in proportion to their speech to the power of 1 - balance (as languages in Arivazhagan
    et al. 2019, where 1 - balance is one over the temperature), and each uniformly over time.
    Utterances shorter than a crop are taken whole and padded with silence that `SpeechBatch.lengths` tells from speech.

    Parameters
    ----------
    store : the prepared corpus
    indices : rows of the store to draw from
    speakers : speaker ids in the order of the model's embedding
    seed : seed of the draws
    batch_size : crops per batch, over all processes together
    crop_samples : length of a crop, rounded up to a multiple of the hop
    window_samples : stretch of the crop that the decoder is trained on, rounded up likewise; 0 for all of it
    hop_samples : samples per code
    contours : F0 of the store's rows, for decoders that need it
    target : the same corpus at the rate of a decoder whose rate is another; crops then start where both have a sample
    labels : phones of the store's rows, for a phone head
    balance : 0 draws all speech alike, 1 all speakers

    Raises
    ------
    CorpusError : when there is nothing to draw from, or an utterance of another speaker among the rows
    """

    def __init__(
        self,
        store: AudioStore,
        indices: Sequence[int] | npt.NDArray[np.int64],
        speakers: Sequence[str],
        *,
        seed: int,
        batch_size: int,
        crop_samples: int,
        window_samples: int,
        hop_samples: int,
        contours: Contours | None = None,
        target: AudioStore | None = None,
        labels: PhoneLabels | None = None,
        balance: float = 0.0,
    ) -> None:
        if not len(indices):
            raise CorpusError(f"no utterances to draw crops from in {store.directory}; the split is empty")
        self.store = store
        self.contours = contours
        self.target = target
        self.labels = labels
        self._step = 1 if target is None else store.sample_rate // math.gcd(store.sample_rate, target.sample_rate)
        self.seed = seed
        self.batch_size = batch_size
        self.hop_samples = hop_samples
        self.crop_frames = math.ceil(crop_samples / hop_samples)
        self.window_frames = math.ceil(window_samples / hop_samples) if window_samples else self.crop_frames
        self._indices = np.asarray(indices)
        self._lengths = store.lengths[self._indices]
        self._ends = np.cumsum(self._lengths)
        place = {speaker: number for number, speaker in enumerate(speakers)}
        places = np.array([place.get(speaker, -1) for speaker in store.speakers])
        self._speakers = places[store.speaker_numbers[self._indices]]
        if (self._speakers < 0).any():
            stranger = store.rows[int(self._indices[self._speakers < 0][0])]
            raise CorpusError(f"{stranger.id} in {store.directory} is of {stranger.speaker!r}, whom the model lacks")
        self._chances = self._cumulative(balance) if balance else None

    def _cumulative(self, balance: float) -> npt.NDArray[np.float64]:
        """Compute the cumulative probabilities of utterances."""
        speech = np.bincount(self._speakers, weights=self._lengths)
        weights = np.cumsum(self._lengths * speech[self._speakers] ** -balance)
        return weights / weights[-1]

    def _drawn(self, rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        """Draw utterances, as positions among the rows to draw from."""
        if self._chances is None:
            return np.searchsorted(self._ends, rng.integers(int(self._ends[-1]), size=count), side="right")
        return np.searchsorted(self._chances[:-1], rng.random(count), side="right")

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which as many samples were drawn as there are."""
        return max(1, math.ceil(int(self._ends[-1]) / (self.batch_size * self.crop_frames * self.hop_samples)))

    def __call__(
        self, step: int, *, stream: int = TRAIN, rank: int = 0, ranks: int = 1, crops: int | None = None
    ) -> SpeechBatch:
        """Make the batch of a step.

        Parameters
        ----------
        step, stream : which batch
        rank, ranks : rank r of n receives rows r, r + n, ... of the same global batch
        crops : rows of the global batch; None for `batch_size`
        """
        rng = generator(self.seed, stream, step)
        count = self.batch_size if crops is None else crops
        crop, frames = self.crop_frames * self.hop_samples, self.crop_frames - self.window_frames
        chosen = self._drawn(rng, count)
        places, windows = rng.random(count), rng.random(count)
        hop, window = self.hop_samples, self.window_frames * self.hop_samples
        lengths = np.minimum(self._lengths[chosen], crop)
        offsets = (places * (self._lengths[chosen] - lengths + 1)).astype(np.int64) // self._step * self._step
        spare = np.minimum(frames, np.maximum(0, -(-lengths // hop) - self.window_frames))
        starts = (windows * (spare + 1)).astype(np.int64)
        share = Share(
            rank=rank,
            ranks=ranks,
            rows=count,
            samples=int(np.clip(lengths - starts * hop, 0, window).sum()),
            frames=int((-(-lengths // hop)).sum()),
        )
        chosen, lengths, offsets, starts = (values[rank::ranks] for values in (chosen, lengths, offsets, starts))
        waveform = np.zeros((len(chosen), crop), dtype=np.float32)
        for row, (which, offset, length) in enumerate(zip(chosen, offsets, lengths, strict=True)):
            samples = self.store.samples(int(self._indices[which]), int(offset), int(offset + length))
            np.multiply(samples, np.float32(1 / 32768), out=waveform[row, :length])
        return SpeechBatch(
            waveform=torch.from_numpy(waveform),
            lengths=torch.from_numpy(lengths),
            speaker=torch.from_numpy(self._speakers[chosen]),
            window_start=torch.from_numpy(starts),
            window_frames=self.window_frames,
            share=share,
            f0=self._f0(chosen, offsets, lengths, crop),
            target=self._target(chosen, offsets, lengths, crop),
            phones=self._phones(chosen, offsets),
        )

    def _phones(self, chosen: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64]) -> torch.Tensor | None:
        """Read the phone of each code (crops, frames)."""
        if self.labels is None:
            return None
        rows = [
            self.labels.crop(int(self._indices[which]), int(offset), self.crop_frames, self.hop_samples)
            for which, offset in zip(chosen, offsets, strict=True)
        ]
        return torch.from_numpy(np.stack(rows)) if rows else torch.zeros(0, self.crop_frames, dtype=torch.int64)

    def _target(
        self,
        chosen: npt.NDArray[np.int64],
        offsets: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.int64],
        crop: int,
    ) -> torch.Tensor | None:
        """Read the crops (crops, time) at the rate of the decoder, 0 beyond their ends."""
        if self.target is None:
            return None
        rate, given = self.target.sample_rate, self.store.sample_rate
        waveform = np.zeros((len(chosen), crop * rate // given), dtype=np.float32)
        for row, (which, offset, length) in enumerate(zip(chosen, offsets, lengths, strict=True)):
            first = int(offset) * rate // given
            samples = self.target.samples(int(self._indices[which]), first, first + -(-int(length) * rate // given))
            samples = samples[: waveform.shape[1]]
            np.multiply(samples, np.float32(1 / 32768), out=waveform[row, : len(samples)])
        return torch.from_numpy(waveform)

    def _f0(
        self,
        chosen: npt.NDArray[np.int64],
        offsets: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.int64],
        crop: int,
    ) -> torch.Tensor | None:
        """Read F0 (crops, frames) of the crops, 0 beyond their ends."""
        if self.contours is None:
            return None
        rate = self.store.sample_rate
        f0 = np.zeros((len(chosen), -(-crop * PITCH_RATE // rate)), np.float32)
        for row, (which, offset, length) in enumerate(zip(chosen, offsets, lengths, strict=True)):
            count = -(-int(length) * PITCH_RATE // rate)
            f0[row, :count] = self.contours.crop(int(self._indices[which]), int(offset), count)
        return torch.from_numpy(f0)
