"""What a page wishes to hear: a model, its voice, and options, read from the values of a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech import audio
from vqspeech.audio.stream import BLOCK_SAMPLES
from vqspeech.codec.intonation import require_intonation
from vqspeech.codec.speech import SpeechCodec
from vqspeech.conversion import Encoded, encode_with_source, speak_encoded
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.speech import Speech
from vqspeech.studio.clips import Clip
from vqspeech.studio.jobs import Task
from vqspeech.studio.models import StudioModel
from vqspeech.untrusted import text, whole


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The voice and the options that a page chose.

    Parameters
    ----------
    model, speaker : the model, and the id of its voice
    options : seed and temperature
    intonation : see `vqspeech.conversion.convert`
    """

    model: StudioModel
    speaker: str
    options: SpeakOptions
    intonation: str

    def codec(self, encoded: Encoded) -> SpeechCodec:
        """Return the model with the codebooks of some codes, which a prior may draw the first ones of."""
        return self.model.codec.with_codebooks(len(encoded.codes))

    def speak(self, encoded: Encoded, key: str, task: Task, *, keep_level: bool | None = None) -> Speech:
        """Speak codes, with progress.

        Parameters
        ----------
        encoded : the codes
        key : name of the random stream; `vqspeech convert` takes the name of the file
        task : the job
        keep_level : see `vqspeech.conversion.convert`
        """
        options = replace(self.options, progress=lambda done, total: task.report(done, total, "speech"))
        spoken = [(encoded, self.speaker, key)]
        return speak_encoded(self.codec(encoded), spoken, options, intonation=self.intonation, keep_level=keep_level)


def parse_wish(request: Mapping[str, Any], model: StudioModel) -> Wish:
    """Read the voice and the options of a request.

    Raises
    ------
    ValueError : for values that cannot be used
    UnknownNameError : for an unknown voice or intonation
    """
    speaker = text(request.get("speaker", ""), "speaker")
    model.codec.voice(speaker)
    intonation = text(request.get("intonation", "source"), "intonation")
    require_intonation(intonation)
    options = SpeakOptions(
        seed=whole(request.get("seed", 0), "seed"), temperature=number(request, "temperature", 1.0, 0.0, 2.0)
    )
    return Wish(model=model, speaker=speaker, options=options, intonation=intonation)


def number(request: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    """Return a number of a request; raise ValueError for one out of range, or another value."""
    value = request.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} is {str(value)[:60]!r}, not a number from {least:g} to {most:g}")
    return float(value)


def encode_clip(clip: Clip, codec: SpeechCodec, task: Task) -> Encoded:
    """Encode a recording, as `vqspeech convert` does; a cancelled job ends between blocks."""
    waveform = audio.resample(clip.samples(), clip.sample_rate, codec.sample_rate)
    return encode_with_source(codec, _checked_blocks(waveform, task))


def _checked_blocks(waveform: npt.NDArray[np.float32], task: Task) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, len(waveform), BLOCK_SAMPLES):
        task.report(start, len(waveform), "codes")
        yield waveform[start : start + BLOCK_SAMPLES]
