"""The judge: scores of sound files, each measure with its value or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech import audio
from vqspeech.analysis.listening.judge import embedding, prosody, quality, recogniser
from vqspeech.analysis.listening.judge.clips import KINDS, MEASURES, UNCHANGED, Clip, ClipScores
from vqspeech.analysis.listening.judge.embedding import Embedder, Ge2e
from vqspeech.analysis.listening.judge.quality import Dnsmos, Quality
from vqspeech.analysis.listening.judge.recogniser import Recogniser, Whisper
from vqspeech.analysis.listening.judge.text import Errors, character_errors, plain, word_errors
from vqspeech.audio.pitch import track

SAMPLE_RATE = 16000
"""Rate at which every measure hears, in Hz."""

Value = Errors | float | None
Progress = Callable[[int, int], None]


class _NoValueError(Exception):
    """Why a measure has no value for a clip."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Scores sound files.

    Parameters
    ----------
    recogniser, embedder, quality : what measures words, voices and quality; None where it is not installed
    unavailable : ``"recogniser"``, ``"embedder"`` or ``"quality"`` -> why it is None
    """

    recogniser: Recogniser | None
    embedder: Embedder | None
    quality: Quality | None
    unavailable: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def installed(cls, model: str | None = None, *, language: str = "en", download: bool = False) -> Judge:
        """Return a judge of what is installed.

        Parameters
        ----------
        model, download : see `vqspeech.analysis.listening.judge.recogniser.find_model`
        language : language of the speech

        Raises
        ------
        InputError : for a recogniser that is not there
        """
        reasons = {
            "recogniser": recogniser.why_not(model),
            "embedder": embedding.why_not(),
            "quality": quality.why_not(),
        }
        given = {part: reason for part, reason in reasons.items() if reason}
        words = None
        if "recogniser" not in given:
            words = Whisper(recogniser.find_model(model, download=download), language=language, download=download)
        return cls(
            recogniser=words,
            embedder=None if "embedder" in given else Ge2e(),
            quality=None if "quality" in given else Dnsmos(),
            unavailable=given,
        )

    @property
    def facts(self) -> dict[str, Any]:
        """JSON values that say who judged."""
        parts = {"recogniser": self.recogniser, "embedder": self.embedder, "quality": self.quality}
        return {
            **{name: None if part is None else dict(part.facts) for name, part in parts.items()},
            "unavailable": dict(self.unavailable),
        }

    def scores(
        self,
        clips: Sequence[Clip],
        targets: Mapping[str, np.ndarray] | None = None,
        no_target: str = "no recordings of this voice are known",
        progress: Progress | None = None,
    ) -> list[ClipScores]:
        """Score clips, in their order; each file is read and heard once.

        Parameters
        ----------
        clips : what to judge
        targets : voice -> embedding (dim,) of length 1
        no_target : why a voice may be absent from `targets`
        progress : called with (files heard, files)

        Raises
        ------
        AudioError : for a file that cannot be read
        ValueError : for a clip of an unknown kind
        """
        if unknown := [clip.kind for clip in clips if clip.kind not in KINDS]:
            raise ValueError(f"unknown kind of clip {unknown[0]!r}")
        paths = {path for clip in clips for path in (clip.path, clip.original) if path is not None}
        heard = {path: _Heard(self, path) for path in sorted(paths)}
        for done, (path, one) in enumerate(heard.items(), start=1):
            one.measure(full=any(clip.path == path for clip in clips))
            if progress is not None:
                progress(done, len(heard))
        return [_Scoring(self, clip, heard, targets or {}, no_target).scores() for clip in clips]


class _Heard:
    """What is measured on one file, whatever it is compared with."""

    def __init__(self, judge: Judge, path: Path) -> None:
        self._judge = judge
        waveform = np.clip(audio.read(path, SAMPLE_RATE), -1, 1)
        self.silent = not waveform.any()
        self._waveform: np.ndarray | None = waveform
        self.level = prosody.speech_level_db(waveform, SAMPLE_RATE)

    def measure(self, full: bool) -> None:
        """Compute everything, and drop the waveform."""
        _ = self.words, self.voice, self.contour, self.rating if full else None
        self._waveform = None

    @property
    def waveform(self) -> np.ndarray:
        assert self._waveform is not None
        return self._waveform

    @cached_property
    def words(self) -> str | None:
        words = self._judge.recogniser
        return None if words is None else "" if self.silent else words.transcribe(self.waveform)

    @cached_property
    def voice(self) -> np.ndarray | None:
        return None if self._judge.embedder is None else self._judge.embedder.embed(self.waveform)

    @cached_property
    def rating(self) -> float | None:
        return None if self._judge.quality is None else self._judge.quality.rate(self.waveform)

    @cached_property
    def contour(self) -> np.ndarray:
        return track(self.waveform, SAMPLE_RATE)


class _Scoring:
    """The measures of one clip; a method for each."""

    def __init__(
        self,
        judge: Judge,
        clip: Clip,
        heard: Mapping[Path, _Heard],
        targets: Mapping[str, np.ndarray],
        no_target: str,
    ) -> None:
        self.judge, self.clip, self.targets, self.no_target = judge, clip, targets, no_target
        self.own = heard[clip.path]
        self.original = None if clip.original is None else heard[clip.original]

    def scores(self) -> ClipScores:
        values: dict[str, Value] = {}
        reasons: dict[str, str] = {}
        for measure in MEASURES:
            try:
                if self.clip.kind == UNCHANGED and measure.name != "similarity_target":
                    raise _NoValueError("the same as of the original")
                values[measure.name] = getattr(self, f"_{measure.name}")()
            except _NoValueError as error:
                values[measure.name], reasons[measure.name] = None, str(error)
        return ClipScores(clip=self.clip, heard=self.own.words, values=values, reasons=reasons)

    def _heard_words(self, one: _Heard) -> str:
        if one.words is None:
            raise _NoValueError(self.judge.unavailable.get("recogniser", "there is no recogniser"))
        return one.words

    def _text(self) -> str:
        if self.clip.text is None or plain(self.clip.text) == "-":
            raise _NoValueError("the text of the utterance is not known")
        return self.clip.text

    def _source(self) -> _Heard:
        if self.original is None:
            raise _NoValueError("an original is not compared with itself")
        return self.original

    def _embedding(self, one: _Heard) -> np.ndarray:
        if one.voice is None:
            why = "no speech was found in the clip" if self.judge.embedder is not None else ""
            raise _NoValueError(why or self.judge.unavailable.get("embedder", "there is no speaker embedding"))
        return one.voice

    def _wer(self) -> Value:
        return word_errors(self._text(), self._heard_words(self.own))

    def _cer(self) -> Value:
        return character_errors(self._text(), self._heard_words(self.own))

    def _wer_to_original(self) -> Value:
        reference = self._heard_words(self._source())
        if plain(reference) == "-":
            raise _NoValueError("the recogniser hears no words in the original")
        return word_errors(reference, self._heard_words(self.own))

    def _similarity_target(self) -> Value:
        if self.clip.voice is None:
            raise _NoValueError("an original has no target voice")
        own = self._embedding(self.own)
        if self.clip.voice not in self.targets:
            raise _NoValueError(self.no_target)
        return float(own @ self.targets[self.clip.voice])

    def _similarity_source(self) -> Value:
        return float(self._embedding(self.own) @ self._embedding(self._source()))

    def _dnsmos(self) -> Value:
        if self.judge.quality is None:
            raise _NoValueError(self.judge.unavailable.get("quality", "there is no measure of quality"))
        if self.own.rating is None:
            raise _NoValueError("the clip is digital silence")
        return self.own.rating

    def _f0_median_hz(self) -> Value:
        median = prosody.median_f0(self.own.contour)
        if median is None:
            raise _NoValueError("nothing in the clip is voiced")
        return median

    def _f0_correlation(self) -> Value:
        value = prosody.f0_correlation(self.own.contour, self._source().contour)
        if value is None:
            raise _NoValueError("less than 0.2 s is voiced both in the clip and in the original, or F0 is constant")
        return value

    def _level_db(self) -> Value:
        source = self._source().level
        if self.own.level is None or source is None:
            raise _NoValueError("the clip or its original is silent")
        return self.own.level - source
