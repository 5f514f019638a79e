"""Speech of a model for the judge: originals, resynthesis in the own voice, conversions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vqspeech import audio
from vqspeech.analysis.listening.judge.clips import (
    CONVERSION,
    ORIGINAL,
    OTHER_CODES,
    PLAYED,
    RESYNTHESIS,
    UNCHANGED,
    Clip,
)
from vqspeech.analysis.listening.judge.sources import Source
from vqspeech.codec.speech import SpeechCodec
from vqspeech.conversion import Conversion, convert
from vqspeech.errors import InputError
from vqspeech.names import file_name
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.report import CodeStrip

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
        return {
            "run": self.name,
            "checkpoint": str(codec.path),
            "step": codec.step,
            "decoder": codec.config.decoder.get("name", "wavenet"),
            "frame_rate_hz": codec.frame_rate_hz,
            "codebook_sizes": list(codec.codebook_sizes),
            "bits_per_second": codec.bits_per_second,
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
    models: Sequence[Model],
    sources: Sequence[Source],
    out: Path,
    options: SpeakOptions,
    show: Show,
    *,
    intonation: str | None = None,
    conversions: int | None = None,
) -> list[Clip]:
    """Write originals and generated speech as wav files below ``out/clips``; return the clips to judge.

    Parameters
    ----------
    models : the models
    sources : utterances
    out : folder of the evaluation
    options : options of sampling
    show : makes the progress line of each voice
    intonation : see `vqspeech.conversion.convert`, for models whose decoder takes pitch
    conversions : target voices of each utterance, in turn; None for all
    """
    rate = max(model.codec.sample_rate for model in models)
    originals = []
    for source in sources:
        path = out / CLIPS / ORIGINAL / file_name(source.id, ".wav")
        audio.write(path, source.waveform(rate), rate)
        originals.append(Clip(path=path, kind=ORIGINAL, utterance=source.id, speaker=source.speaker, text=source.words))
    unchanged: dict[tuple[str, str], Clip] = {}
    spoken = []
    for model in models:
        folder = out / CLIPS / file_name(model.name) if len(models) > 1 else out / CLIPS
        clips = [
            replace(
                clip,
                kind=RESYNTHESIS if voice == clip.speaker else CONVERSION,
                voice=voice,
                original=clip.path,
                path=folder / _folder(voice) / file_name(clip.utterance, ".wav"),
                run=model.name,
            )
            for place, clip in enumerate(originals)
            for voice in _voices(model, clip.speaker, place, conversions)
        ]
        for voice in dict.fromkeys(clip.voice for clip in clips if clip.voice):
            label = f"{model.name}: convert to {voice}" if len(models) > 1 else f"convert to {voice}"
            same = [clip for clip in clips if clip.voice == voice]
            _convert(model.codec, voice, same, replace(options, progress=show(label)), intonation)
        for clip in clips:
            if clip.kind == CONVERSION and clip.voice and clip.original:
                source_clip = replace(clip, kind=UNCHANGED, path=clip.original, run="")
                unchanged.setdefault((clip.utterance, clip.voice), source_clip)
        coded = _with_codes(model.codec, clips, [clip.utterance for clip in originals[:PLAYED]])
        spoken += [*coded, *_other_codes([clip for clip in clips if clip.kind == CONVERSION])]
    return [*originals, *unchanged.values(), *spoken]


def _with_codes(codec: SpeechCodec, clips: Sequence[Clip], played: Sequence[str]) -> list[Clip]:
    """Add the codes of some utterances, which are the same in every voice, to their clips."""
    files = {clip.utterance: clip.original for clip in clips if clip.utterance in played and clip.original}
    read = ((utterance, audio.read(path, codec.sample_rate)) for utterance, path in files.items())
    strips = {
        utterance: CodeStrip.of(codes, samples / codec.hop_samples)
        for utterance, samples, codes in codec.encode_all(read)
    }
    return [replace(clip, codes=strips.get(clip.utterance)) for clip in clips]


def _folder(voice: str) -> str:
    """Return the name of a voice's folder, which is not that of the originals."""
    return file_name(f"{voice}/" if voice == ORIGINAL else voice)


def _voices(model: Model, speaker: str, place: int, conversions: int | None) -> list[str]:
    """Return the voices of an utterance: its own where the model has it, and the target voices."""
    others = [voice for voice in model.voices if voice != speaker]
    if conversions is not None and others:
        first = place * conversions
        others = list(dict.fromkeys(others[(first + step) % len(others)] for step in range(conversions)))
    return [speaker, *others] if speaker in model.codec.speakers else others


def _other_codes(conversions: Sequence[Clip]) -> list[Clip]:
    """Pair the words of each conversion with the speech of another utterance, in the same voice where there is one."""
    by_voice: dict[str | None, list[Clip]] = {}
    for clip in conversions:
        by_voice.setdefault(clip.voice, []).append(clip)
    paired = []
    for clip in conversions:
        for group in (by_voice[clip.voice], list(conversions)):
            place = group.index(clip)
            after = [*group[place + 1 :], *group[:place]]
            other = next((one for one in after if one.utterance != clip.utterance), None)
            if other is not None:
                paired.append(replace(clip, kind=OTHER_CODES, path=other.path, voice=other.voice))
                break
    return paired


def _convert(
    codec: SpeechCodec, voice: str, clips: Sequence[Clip], options: SpeakOptions, intonation: str | None
) -> None:
    """Write the speech of clips of one voice to their paths."""
    items = (
        Conversion(
            waveform=audio.read(clip.original, codec.sample_rate), speaker=voice, key=f"{clip.utterance}-to-{voice}"
        )
        for clip in clips
        if clip.original is not None
    )
    speech = convert(codec, items, options, intonation=intonation if codec.takes_pitch else None)
    for clip, waveform in zip(clips, speech.waveforms, strict=True):
        audio.write(clip.path, waveform, codec.output_rate)
