"""What a studio does: conversions, edits, samples and voices, each as work of a job."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech import audio
from vqspeech.audio.stream import BLOCK_SAMPLES
from vqspeech.codec.intonation import require_intonation
from vqspeech.conversion import Encoded, encode_with_source, speak_encoded
from vqspeech.errors import InputError
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.speech import Speech
from vqspeech.studio.clips import Clip, Clips
from vqspeech.studio.edits import Edit, edited, parse_edits
from vqspeech.studio.jobs import Job, JobQueue, Task
from vqspeech.studio.models import StudioModel, StudioModels
from vqspeech.untrusted import text, whole

MOST_S = 300.0
"""Longest recording, in seconds."""

_KEPT_CODES = 32
"""Recordings whose codes are kept, so that another voice needs no encoding."""


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


class Studio:
    """Models, sounds and jobs of a page, within a ``with`` block.

    Parameters
    ----------
    models : the models
    out : folder of models with added voices; a temporary one when None
    most_s : longest recording in seconds
    """

    def __init__(self, models: StudioModels, out: Path | None = None, most_s: float = MOST_S) -> None:
        self.models, self.most_s, self.out = models, most_s, out
        self.clips, self.queue, self._ends = Clips(), JobQueue(), ExitStack()
        self._codes: OrderedDict[tuple[str, str], Encoded] = OrderedDict()

    def state(self) -> dict[str, Any]:
        """Return what a page needs to know, as JSON values."""
        keeps = None if self.out is None else str(self.out)
        return {**self.models.plain(), "clips": self.clips.plain(), "most_s": self.most_s, "keeps_voices": keeps}

    def start(self, request: Mapping[str, Any], page: str) -> Job:
        """Append the job that a page asks for.

        Parameters
        ----------
        request : ``kind`` and the values of that kind
        page : id of the page

        Raises
        ------
        InputError : for values that cannot be used, or too many jobs
        """
        kinds = {"convert": self._convert}
        try:
            kind = text(request.get("kind"), "kind")
            if kind not in kinds:
                raise ValueError(f"kind is {kind!r}; known: {', '.join(kinds)}")
            return kinds[kind](request, page)
        except ValueError as error:
            raise InputError(f"this request cannot be used: {error}") from error

    def codes(self, clip: Clip) -> dict[str, Any]:
        """Return the codes of a sound as JSON values.

        Raises
        ------
        InputError : for a sound without codes
        """
        if clip.encoded is None:
            raise InputError(f"{clip.name} has no codes")
        codec = self.models.get(clip.model).codec
        return {"codes": clip.encoded.codes.tolist(), "frame_s": codec.hop_samples / codec.sample_rate}

    def _convert(self, request: Mapping[str, Any], page: str) -> Job:
        """Convert a recording, with its codes changed by ``edits``."""
        clip, wish = self.clips.get(text(request.get("clip"), "clip")), self._wish(request)
        edits = parse_edits(request.get("edits", []))
        kind = "edit" if edits else "conversion"

        def work(task: Task) -> list[str]:
            started = time.perf_counter()
            encoded = self._edited(self._encoded(clip, wish.model, task), edits, wish.model)
            speech = _spoken(encoded, clip.name, wish, task)
            took = time.perf_counter() - started
            return [self._keep(kind, f"{clip.name}-{wish.speaker}", speech, wish, encoded, clip.id, took)]

        return self.queue.submit(f"{clip.name} to {wish.speaker} by {wish.model.name}", page, work)

    def _wish(self, request: Mapping[str, Any]) -> Wish:
        model = self.models.get(text(request.get("model"), "model"))
        speaker = text(request.get("speaker", ""), "speaker")
        model.codec.voice(speaker)
        temperature = request.get("temperature", 1.0)
        intonation = text(request.get("intonation", "source"), "intonation")
        require_intonation(intonation)
        if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 <= temperature <= 2:
            raise ValueError(f"temperature is {temperature!r}, not a number from 0 to 2")
        options = SpeakOptions(seed=whole(request.get("seed", 0), "seed"), temperature=float(temperature))
        return Wish(model=model, speaker=speaker, options=options, intonation=intonation)

    def _encoded(self, clip: Clip, model: StudioModel, task: Task) -> Encoded:
        """Encode a recording by a model, or return the codes from before."""
        key = clip.id, model.name
        if key not in self._codes:
            waveform = audio.resample(clip.samples(), clip.sample_rate, model.codec.sample_rate)
            self._codes[key] = encode_with_source(model.codec, _checked_blocks(waveform, task))
            while len(self._codes) > _KEPT_CODES:
                self._codes.popitem(last=False)
        self._codes.move_to_end(key)
        return self._codes[key]

    def _edited(self, encoded: Encoded, edits: list[Edit], model: StudioModel) -> Encoded:
        codec = model.codec
        return edited(
            encoded,
            edits,
            codebook_sizes=codec.codebook_sizes,
            sample_rate=codec.sample_rate,
            hop_samples=codec.hop_samples,
            most_s=self.most_s,
        )

    def _keep(
        self, kind: str, name: str, speech: Speech, wish: Wish, encoded: Encoded, source: str, took_s: float
    ) -> str:
        """Keep generated speech; return its id."""
        rate = wish.model.codec.output_rate
        waveform = audio.to_int16(speech.waveforms[0])
        made = Clip(
            kind=kind,
            name=name,
            waveform=waveform,
            sample_rate=rate,
            model=wish.model.name,
            speaker=wish.speaker,
            encoded=encoded,
            note=f"{took_s:.2f} s of work, {took_s * rate / max(1, len(waveform)):.2f} of real time",
            source=source,
        )
        return self.clips.add(made).id

    def __enter__(self) -> Studio:
        self._ends.enter_context(self.queue)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.close()


def _spoken(encoded: Encoded, key: str, wish: Wish, task: Task) -> Speech:
    """Speak codes, with progress; the key is that of `vqspeech convert` for a file of this name."""
    options = replace(wish.options, progress=task.report)
    return speak_encoded(wish.model.codec, [(encoded, wish.speaker, key)], options, intonation=wish.intonation)


def _checked_blocks(waveform: npt.NDArray[np.float32], task: Task) -> Iterator[npt.NDArray[np.float32]]:
    """Yield blocks of a waveform (time,); a cancelled job ends between them."""
    for start in range(0, len(waveform), BLOCK_SAMPLES):
        task.check()
        yield waveform[start : start + BLOCK_SAMPLES]
