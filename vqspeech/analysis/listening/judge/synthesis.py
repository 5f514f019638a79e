"""Speech of a model for the judge: originals, resynthesis in the own voice, conversions."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vqspeech import audio
from vqspeech.analysis.listening.judge.clips import (
    CONVERSION,
    ORIGINAL,
    OTHER_CODES,
    RESYNTHESIS,
    UNCHANGED,
    Clip,
)
from vqspeech.analysis.listening.judge.sources import Source
from vqspeech.codec.speech import SpeechCodec
from vqspeech.conversion import Conversion, convert
from vqspeech.errors import InputError
from vqspeech.nn.decoders.protocol import SpeakOptions

CLIPS = "clips"
DEFAULT_VOICES = 4
"""Voices that are evaluated when none are named."""

Show = Callable[[str], Callable[[int, int], None]]
"""Called with a label; returns what is called with (done, total)."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model to evaluate.

    Parameters
    ----------
    name : name in tables, unique
    codec : the model
    voices : target voices
    """

    name: str
    codec: SpeechCodec
    voices: tuple[str, ...]

    @property
    def heard(self) -> frozenset[str]:
        """Speakers that the model was trained on."""
        return frozenset(self.codec.heard_speakers)

    @property
    def facts(self) -> dict[str, Any]:
        """JSON values that describe it in results."""
        codec = self.codec
        bits = sum(math.log2(size) for size in codec.codebook_sizes)
        frames_per_second = codec.sample_rate / codec.hop_samples
        return {
            "run": self.name,
            "checkpoint": str(codec.path),
            "step": codec.step,
            "decoder": codec.config.decoder.get("name", "wavenet"),
            "frame_rate_hz": frames_per_second,
            "codebook_sizes": list(codec.codebook_sizes),
            "bits_per_second": bits * frames_per_second,
            "voices": list(self.voices),
            "heard_speakers": len(self.heard),
        }


def choose_voices(codec: SpeechCodec, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the voices to evaluate: those named, else up to four by hash.

    Raises
    ------
    InputError : for a model without speakers
    UnknownNameError : for a speaker that the model does not know
    """
    if not codec.speakers:
        raise InputError(f"{codec.path} has no speakers, so there is no voice to evaluate")
    if wanted:
        for voice in wanted:
            codec.speaker_index(voice)
        return tuple(dict.fromkeys(wanted))
    if len(codec.speakers) <= DEFAULT_VOICES:
        return codec.speakers
    by_hash = sorted(codec.speakers, key=lambda voice: hashlib.sha256(voice.encode()).hexdigest())
    return tuple(sorted(by_hash[:DEFAULT_VOICES]))


def synthesise(
    models: Sequence[Model], sources: Sequence[Source], out: Path, options: SpeakOptions, show: Show
) -> list[Clip]:
    """Write originals and generated speech as wav files below ``out/clips``; return the clips to judge.

    Parameters
    ----------
    models : the models
    sources : utterances
    out : folder of the evaluation
    options : options of sampling
    show : makes the progress line of each voice
    """
    rate = max(model.codec.sample_rate for model in models)
    clips = []
    for source in sources:
        path = out / CLIPS / "original" / f"{source.id}.wav"
        audio.write(path, source.waveform(rate), rate)
        clips.append(Clip(path=path, kind=ORIGINAL, utterance=source.id, speaker=source.speaker, text=source.words))
    originals = {clip.utterance: clip for clip in clips}
    for voice in dict.fromkeys(voice for model in models for voice in model.voices):
        others = [clip for clip in originals.values() if clip.speaker != voice]
        clips += [replace(clip, kind=UNCHANGED, voice=voice, original=clip.path) for clip in others]
    for model in models:
        clips += _speech(model, originals, out, options, show, several=len(models) > 1)
    return clips


def _speech(
    model: Model, originals: dict[str, Clip], out: Path, options: SpeakOptions, show: Show, several: bool
) -> list[Clip]:
    folder = out / CLIPS / model.name if several else out / CLIPS
    clips = []
    for voice in model.codec.speakers:
        own = [clip for clip in originals.values() if clip.speaker == voice]
        others = [clip for clip in originals.values() if clip.speaker != voice and voice in model.voices]
        label = f"{model.name}: convert to {voice}" if several else f"convert to {voice}"
        for kind, given in ((RESYNTHESIS, own), (CONVERSION, others)):
            paths = [folder / voice / f"{clip.utterance}.wav" for clip in given]
            _convert(model.codec, voice, given, paths, replace(options, progress=show(label)))
            made = [
                replace(clip, path=path, kind=kind, voice=voice, original=clip.path, run=model.name)
                for clip, path in zip(given, paths, strict=True)
            ]
            clips += made
            if kind == CONVERSION and len(made) > 1:
                # What the codes of the next utterance say, judged against the words of this one.
                after = [*made[1:], made[0]]
                clips += [
                    replace(clip, kind=OTHER_CODES, path=other.path) for clip, other in zip(made, after, strict=True)
                ]
    return clips


def _convert(
    codec: SpeechCodec, voice: str, originals: Sequence[Clip], paths: Iterable[Path], options: SpeakOptions
) -> None:
    if not originals:
        return
    items = (
        Conversion(waveform=audio.read(clip.path, codec.sample_rate), speaker=voice, key=f"{clip.utterance}-to-{voice}")
        for clip in originals
    )
    speech = convert(codec, items, options)
    for path, waveform in zip(paths, speech.waveforms, strict=True):
        audio.write(path, waveform, codec.output_rate)
