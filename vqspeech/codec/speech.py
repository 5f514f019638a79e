"""A trained model of speech as a codec."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vqspeech.codec.chunks import ChunkEncoder, Key, Waveform
from vqspeech.codec.intonation import require_intonation
from vqspeech.codec.latents import CodeLatents
from vqspeech.config import ModelConfig
from vqspeech.errors import AudioError, InputError, PluginError, unknown_name
from vqspeech.nn.decoders.protocol import Piece, SpeakOptions
from vqspeech.nn.quantize.fingerprint import codebook_hash
from vqspeech.nn.vqvae import VQVAE
from vqspeech.speech import Deliver, Speech, collect

AS_TRAINED = SpeakOptions()


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """Codes and the speaker to decode them for.

    Parameters
    ----------
    codes : (codebooks, frames) int64
    speaker : speaker id
    n_samples : length of the encoded recording in samples; the result has the same duration
    key : name of the utterance, which selects its random stream, independently of other utterances
    pitch : F0 in Hz at `vqspeech.audio.pitch.PITCH_RATE`, (frames,), 0 for unvoiced, in the speaker's range; None to
        predict it. For decoders that take pitch
    """

    codes: npt.NDArray[np.int64]
    speaker: str
    n_samples: int
    key: str
    pitch: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, kw_only=True)
class SpeechCodec:
    """A trained model of speech, its configuration and speakers; a `vqspeech.codec.Codec`.

    Parameters
    ----------
    model : model in evaluation mode
    config : configuration of the model
    speakers : speaker ids in the order of the decoder's embedding
    step : number of optimiser steps
    path : checkpoint directory
    facts : contents of its config.json: run configuration, corpus, versions
    """

    model: VQVAE
    config: ModelConfig
    speakers: tuple[str, ...]
    step: int
    path: Path
    facts: dict[str, Any]

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return next(self.model.parameters()).device

    @property
    def sample_rate(self) -> int:
        """Rate of the waveforms to encode, in Hz."""
        return self.config.sample_rate

    @property
    def output_rate(self) -> int:
        """Rate of decoded waveforms, in Hz."""
        return self.model.decoder.sample_rate

    @property
    def hop_samples(self) -> int:
        """Samples per code, at `sample_rate`."""
        return self.model.hop_samples

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes of each codebook."""
        return self.model.quantizer.codebook_sizes

    @property
    def frame_rate_hz(self) -> float:
        """Frames of codes per second."""
        return self.sample_rate / self.hop_samples

    @property
    def bits_per_second(self) -> float:
        """Nominal bit rate: that of codes that are all equally likely."""
        return self.frame_rate_hz * sum(math.log2(size) for size in self.codebook_sizes)

    @property
    def heard_speakers(self) -> tuple[str, ...]:
        """Speakers whose speech any part of the model was trained on, those of removed voices too."""
        return tuple(self.facts.get("heard_speakers", self.speakers))

    @property
    def speaker_notes(self) -> dict[str, str]:
        """Speaker id -> a line on the voice, where one is known."""
        notes: dict[str, str] = self.facts.get("speaker_notes", {})
        return {speaker: notes[speaker] for speaker in self.speakers if speaker in notes}

    @cached_property
    def codebook(self) -> str:
        """Hash of the codebooks; see `vqspeech.nn.quantize.fingerprint.codebook_hash`."""
        return codebook_hash(self.model)

    def with_codebooks(self, count: int | None) -> SpeechCodec:
        """Return the codec with the first `count` codebooks alone, of a lower rate; None for all.

        Raises
        ------
        InputError : when there are no such codebooks, or the first ones mean nothing alone
        """
        if count is None or count == len(self.codebook_sizes):
            return self
        return replace(self, model=self.model.with_codebooks(count))

    def speaker_index(self, speaker: str) -> int:
        """Return the index of a speaker id.

        Raises
        ------
        UnknownNameError : for an unknown id; lists similar ones
        """
        if speaker not in self.speakers:
            raise unknown_name("speaker", speaker, self.speakers, "`vqspeech speakers RUN` lists all.")
        return self.speakers.index(speaker)

    @property
    def takes_pitch(self) -> bool:
        """Whether the decoder generates speech at a given F0."""
        return self.model.decoder.needs_pitch

    def mean_log_f0(self, speaker: str) -> float | None:
        """Mean log F0 of a speaker in training; None for a model without speakers or a decoder without pitch."""
        voice = self.voice(speaker)
        return None if voice is None or not self.takes_pitch else float(self.model.decoder.pitch_mean[voice])

    def voice(self, speaker: str) -> int | None:
        """Index of a speaker id, None for a model without speakers; errors as `speaker_index`."""
        return self.speaker_index(speaker) if self.speakers else None

    def encode(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode waveforms, with the result of `vqspeech encode`; see `Codec.encode`.

        Raises
        ------
        InputError : for a row without samples
        """
        rows = waveforms.detach().float().cpu().numpy()
        ends = [len(row) for row in rows] if lengths is None else [int(length) for length in lengths]
        by_row = {n: codes for n, _, codes in self.encode_all((n, row[: ends[n]]) for n, row in enumerate(rows))}
        books = len(self.codebook_sizes)
        result = torch.zeros(len(rows), books, -(-waveforms.shape[1] // self.hop_samples), dtype=torch.int64)
        for n, codes in by_row.items():
            result[n, :, : codes.shape[1]] = torch.from_numpy(codes)
        return result

    def encode_all(
        self,
        waveforms: Iterable[tuple[Key, Waveform]],
        rows: int | None = None,
        skip: Callable[[Key, AudioError], None] | None = None,
    ) -> Iterator[tuple[Key, int, npt.NDArray[np.int64]]]:
        """Encode many recordings; yield key, samples and codes (codebooks, frames) of each.

        Arguments and errors as in `vqspeech.codec.chunks.ChunkEncoder`.
        """
        return ChunkEncoder[Key](self.model, self.sample_rate, rows).encode(waveforms, skip)

    def decode(self, codes: Tensor, speaker: str, options: SpeakOptions = AS_TRAINED) -> Tensor:
        """Decode codes (batch, codebooks, frames) to waveforms (batch, frames * hop) at `output_rate`.

        Raises
        ------
        InputError : for codes outside the codebooks
        UnknownNameError : for a speaker that the model does not know
        """
        samples = codes.shape[-1] * self.hop_samples
        utterances = [
            Utterance(codes=row.cpu().numpy(), speaker=speaker, n_samples=samples, key=str(n))
            for n, row in enumerate(codes)
        ]
        waveforms = self.speak(utterances, options).waveforms
        if not waveforms:
            return torch.zeros(0, codes.shape[-1] * self.model.decoder.hop_samples)
        return torch.from_numpy(np.stack(waveforms))

    def speak(
        self,
        utterances: Sequence[Utterance],
        options: SpeakOptions = AS_TRAINED,
        deliver: Deliver | None = None,
        finish: Callable[[Iterable[Piece]], Iterator[Piece]] | None = None,
    ) -> Speech:
        """Decode utterances, each for its speaker, to one waveform per utterance.

        Parameters
        ----------
        utterances : codes and speakers
        options : options of sampling; `streams` and `pitch` are replaced by those of the utterances
        deliver : receives pieces of speech, which are then not kept; see `vqspeech.speech.collect`
        finish : changes the pieces on their way, for example `vqspeech.codec.finish.Finisher`

        Raises
        ------
        InputError : for codes outside the codebooks
        UnknownNameError : for a speaker that the model does not know
        SpeechInterrupted : at Ctrl-C; holds the speech generated until then
        PluginError : when the decoder generates another number of samples
        """
        decoder = self.model.decoder
        voices = [self.voice(one.speaker) for one in utterances]
        for one in utterances:
            self._require_codes(one)
        latents = [CodeLatents(self.model.quantizer, torch.from_numpy(one.codes).to(self.device)) for one in utterances]
        lengths = [-(-one.n_samples * decoder.hop_samples // self.hop_samples) for one in utterances]
        options = replace(
            options,
            streams=tuple(stream_number(one.key) for one in utterances),
            pitch=tuple(one.pitch for one in utterances) if self.takes_pitch else None,
        )
        pieces = _complete(decoder.speak(latents, voices, lengths, options), lengths, type(decoder).__name__)
        return collect(pieces if finish is None else finish(pieces), len(utterances), deliver)

    def _require_codes(self, utterance: Utterance) -> None:
        codes, sizes = utterance.codes, self.codebook_sizes
        if codes.ndim != 2 or len(codes) != len(sizes):
            raise InputError(
                f"{utterance.key!r} has codes of shape {codes.shape}; {self.path} has ({len(sizes)} codebooks, frames)"
            )
        if any(book.min(initial=0) < 0 or book.max(initial=0) >= size for book, size in zip(codes, sizes, strict=True)):
            raise InputError(
                f"utterance {utterance.key!r} has codes outside the codebooks of {self.path}, of sizes {sizes}"
            )
        if not 0 <= utterance.n_samples <= codes.shape[1] * self.hop_samples:
            raise InputError(
                f"{utterance.key!r} has {codes.shape[1]} codes of {self.hop_samples} samples, which are not "
                f"{utterance.n_samples} samples"
            )


def choose_intonation(codec: SpeechCodec, intonation: str | None) -> str:
    """Return an intonation, ``"source"`` for None; warn where a given one has no effect.

    Raises
    ------
    UnknownNameError : for a name that is none of `vqspeech.codec.intonation.INTONATIONS`
    """
    if intonation is None:
        return "source"
    require_intonation(intonation)
    if not codec.takes_pitch:
        decoder = codec.config.decoder["name"]
        warnings.warn(f"the decoder {decoder!r} takes no pitch: intonation {intonation!r} has no effect", stacklevel=3)
    return intonation


def stream_number(key: str) -> int:
    """Return the random stream of a name, 63 bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1


def _complete(pieces: Iterable[Piece], lengths: Sequence[int], decoder: str) -> Iterator[Piece]:
    """Yield the pieces; check the number of samples of each utterance."""
    done, ended = [0] * len(lengths), [length == 0 for length in lengths]

    def fail(utterance: int) -> PluginError:
        given = f"{done[utterance]} samples of utterance {utterance} instead of {lengths[utterance]}"
        return PluginError(f"the decoder {decoder} generated {given}, or did not mark the last piece")

    for piece in pieces:
        done[piece.utterance] += len(piece.waveform)
        ended[piece.utterance] = piece.last or ended[piece.utterance]
        if done[piece.utterance] > lengths[piece.utterance] or (
            piece.last and done[piece.utterance] < lengths[piece.utterance]
        ):
            raise fail(piece.utterance)
        yield piece
    for utterance, whole in enumerate(ended):
        if not whole:
            raise fail(utterance)
