"""Weights in 16 bit, where that changes no code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vqspeech import audio
from vqspeech.codec.speech import SpeechCodec
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import InputError
from vqspeech.publishing.data import training_data

DType = Literal["float16", "float32"]
"""Type of the weights on disk."""

TEST_S = 600.0
"""At most this much audio is encoded to compare codes."""

TEST_SIGNAL_S = 30.0
"""Length of the synthetic signal that is encoded where there is no recording."""

Waveforms = list[npt.NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Codes of test audio before and after.

    Parameters
    ----------
    changed, codes : codes that differ, and all codes
    of : the test audio, in words
    """

    changed: int
    codes: int
    of: str


def in_half(weights: Mapping[str, Tensor], parts: Sequence[str]) -> dict[str, Tensor]:
    """Return weights with matrices of some parts in float16; others, vectors and out-of-range values are kept.

    Parameters
    ----------
    weights : state of a model, name -> tensor
    parts : first words of names: ``"decoder"``, ``"encoder"``
    """
    most = torch.finfo(torch.float16).max
    return {
        name: tensor.half()
        if name.partition(".")[0] in parts
        and tensor.is_floating_point()
        and tensor.ndim >= 2
        and bool((tensor.abs() <= most).all())
        else tensor
        for name, tensor in weights.items()
    }


def compare(before: SpeechCodec, after: SpeechCodec, waveforms: Waveforms, of: str) -> Changes:
    """Encode test audio by two codecs and count the codes that differ, in the codebooks of the second."""
    changed = codes = 0
    pairs = list(enumerate(waveforms))
    first = {number: made for number, _, made in before.encode_all(pairs)}
    for number, _, made in after.encode_all(pairs):
        changed += int((made != first[number][: len(made)]).sum())
        codes += made.size
    return Changes(changed=changed, codes=codes, of=of)


def test_audio(codec: SpeechCodec, recordings: Sequence[str] = ()) -> tuple[Waveforms, str]:
    """Return audio to compare codes on, at most `TEST_S`, and what it is in words.

    These are the given recordings, else held-out utterances of the run's own data, else a synthetic signal.

    Parameters
    ----------
    codec : a trained model
    recordings : audio files and folders

    Raises
    ------
    AudioError : for recordings that cannot be read
    InputError : for recordings without a sample
    """
    if recordings:
        waveforms = _limited(audio.read(path, codec.sample_rate) for path in audio.find_audio(recordings))
        if not waveforms:
            raise InputError("the recordings to compare codes on hold no sample")
        return waveforms, f"{_seconds(waveforms, codec):.0f} s of recordings"
    store = training_data(codec)
    if store is not None and (waveforms := _limited(_held_out(store))):
        return waveforms, f"{_seconds(waveforms, codec):.0f} s of held-out utterances"
    return [_signal(codec.sample_rate)], f"{TEST_SIGNAL_S:.0f} s of a synthetic signal"


def _limited(waveforms: Iterator[npt.NDArray[np.float32]]) -> Waveforms:
    kept: Waveforms = []
    for waveform in waveforms:
        if len(waveform):
            kept.append(waveform)
        if sum(map(len, kept)) > TEST_S * 16000:
            break
    return kept


def _held_out(store: AudioStore) -> Iterator[npt.NDArray[np.float32]]:
    held_out = len(store.indices("valid")) + len(store.indices("test"))
    for split in ("valid", "test") if held_out else ("train",):
        for index in store.indices(split):
            yield store.waveform(int(index))


def _seconds(waveforms: Waveforms, codec: SpeechCodec) -> float:
    return sum(map(len, waveforms)) / codec.sample_rate


def _signal(sample_rate: int) -> npt.NDArray[np.float32]:
    """Make pulses at a gliding F0 and noise, through resonances that move as formants do."""
    from scipy.signal import lfilter

    rng = np.random.default_rng(0)
    pieces, phase, size = [], 0.0, sample_rate // 10
    for piece in range(round(TEST_SIGNAL_S * 10)):
        f0 = 120 * np.exp(0.3 * np.sin(0.7 * piece)) * np.ones(size)
        turns = phase + np.cumsum(f0 / sample_rate)
        phase = turns[-1] % 1
        source = np.diff(np.floor(turns), prepend=np.floor(turns[0])) * (piece % 4 != 0)
        source = source + 0.02 * rng.standard_normal(size)
        for centre, width in zip(rng.uniform((250, 800, 2000), (800, 2200, 3200)), (80, 120, 180), strict=True):
            radius, angle = np.exp(-np.pi * width / sample_rate), 2 * np.pi * centre / sample_rate
            source = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], source)
        pieces.append(0.2 * source / (1e-6 + np.abs(source).max()))
    made: npt.NDArray[np.float32] = np.concatenate(pieces).astype(np.float32)
    return made
