"""What a studio does: conversions, edits, samples and voices, each as work of a job."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from vqspeech import audio
from vqspeech.audio.pitch import PITCH_RATE
from vqspeech.codec.pitch_codes import restore_pitch
from vqspeech.codec.source import Source
from vqspeech.conversion import Encoded
from vqspeech.errors import InputError
from vqspeech.generation import fitted, frames_of, generate
from vqspeech.names import file_name
from vqspeech.speech import Speech
from vqspeech.studio.clips import Clip, Clips
from vqspeech.studio.edits import edited, parse_edits
from vqspeech.studio.jobs import Job, JobQueue, Task
from vqspeech.studio.models import StudioModels
from vqspeech.studio.pictures import spectrogram_png
from vqspeech.studio.wishes import Wish, encode_clip, number, parse_wish
from vqspeech.untrusted import text, texts, whole
from vqspeech.voices.fit import STEPS
from vqspeech.voices.models import add_voice, require_name

MOST_S = 300.0
"""Longest recording, in seconds."""

_KEPT_CODES = 32
"""Recordings whose codes are kept, so that another voice needs no encoding."""

_WARM_S = 0.5


class Studio:
    """Models, sounds and jobs of a page, within a ``with`` block.

    Parameters
    ----------
    models : the models
    out : folder of models with added voices; a temporary one when None
    most_s : longest recording in seconds

    Raises
    ------
    InputError : when `out` is a file
    """

    def __init__(self, models: StudioModels, out: Path | None = None, most_s: float = MOST_S) -> None:
        if out is not None and out.exists() and not out.is_dir():
            raise InputError(f"--out {out} is a file; give a folder, which keeps models with added voices")
        self.models, self.most_s, self.out = models, most_s, out
        self.clips, self.queue, self._ends = Clips(), JobQueue(), ExitStack()
        self._folder = Path() if out is None else out
        # recording, model -> codes, the last used last
        self._codes: dict[tuple[str, str], Encoded] = {}
        self._kinds = {"convert": self._convert, "sample": self._sample, "voice": self._voice}

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
        try:
            kind = text(request.get("kind"), "kind")
            if kind not in self._kinds:
                raise ValueError(f"kind is {kind!r}; known: {', '.join(self._kinds)}")
            return self._kinds[kind](request, page)
        except ValueError as error:
            raise InputError(f"this request cannot be used: {error}") from error

    def warm_up(self) -> Job:
        """Append a job that converts noise by the first model: the first conversion of a process takes longer."""
        model = self.models.first()
        noise = 0.1 * np.random.default_rng(0).standard_normal(round(_WARM_S * model.codec.sample_rate))
        clip = Clip(kind="recording", name="", waveform=noise.astype(np.float32), sample_rate=model.codec.sample_rate)
        wish = parse_wish({"speaker": model.codec.speakers[0] if model.codec.speakers else ""}, model)

        def work(task: Task) -> list[str]:
            spoken = wish.speak(encode_clip(clip, model.codec, task), "", task)
            spectrogram_png(spoken.waveforms[0], model.codec.output_rate)
            return []

        return self.queue.submit("warm up", None, work)

    def remove(self, identity: str) -> None:
        """Delete a sound and its codes, if it is there."""
        self.clips.remove(identity)
        for key in list(self._codes):
            if key[0] == identity:
                self._codes.pop(key, None)

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
        """Convert a recording, or speak the codes of a sample; with the changes of ``edits``."""
        clip = self.clips.get(text(request.get("clip"), "clip"))
        wish = parse_wish(request, self.models.get(text(request.get("model"), "model")))
        edits = parse_edits(request.get("edits", []))
        if clip.kind == "sample" and self.models.get(clip.model).codec.codebook != wish.model.codec.codebook:
            raise InputError(f"{clip.name} is codes of {clip.model}, which {wish.model.name} does not have")

        def work(task: Task) -> list[str]:
            started = time.perf_counter()
            encoded = self._encoded(clip, wish, task)
            codec = wish.codec(encoded)
            encoded = edited(
                encoded,
                edits,
                codebook_sizes=codec.codebook_sizes,
                sample_rate=codec.sample_rate,
                hop_samples=codec.hop_samples,
                most_s=self.most_s,
            )
            speech = wish.speak(encoded, clip.name, task, keep_level=False if clip.kind == "sample" else None)
            name, kind = f"{clip.name}-{wish.speaker}", "edit" if edits else "conversion"
            return [self._keep(kind, name, speech, wish, encoded, started, clip.id)]

        return self.queue.submit(f"{clip.name} to {wish.speaker} by {wish.model.name}", page, work)

    def _encoded(self, clip: Clip, wish: Wish, task: Task) -> Encoded:
        """Encode a recording, or return its codes from before."""
        if clip.kind == "sample" and clip.encoded is not None:
            return clip.encoded
        key = clip.id, wish.model.name
        found = self._codes.pop(key, None) or encode_clip(clip, wish.model.codec, task)
        self._codes[key] = found
        # Not those of a recording that was deleted meanwhile.
        kept = [one for one in list(self._codes) if one[0] in self.clips][-_KEPT_CODES:]
        for old in set(self._codes).difference(kept):
            self._codes.pop(old, None)
        return found

    def _sample(self, request: Mapping[str, Any], page: str) -> Job:
        """Draw codes from a prior, and speak them."""
        label = text(request.get("prior"), "prior")
        model, prior = self.models.prior(label)
        wish = parse_wish(request, model)
        top_p = number(request, "top_p", 1.0, 0.01, 1.0)
        frames = frames_of(prior, number(request, "seconds", 3.0, 0.1, min(self.most_s, 60.0)))

        def work(task: Task) -> list[str]:
            started = time.perf_counter()
            options = wish.options
            (row,) = generate(
                fitted(model.codec, [prior]),
                [prior],
                1,
                frames=frames,
                conditions=[wish.speaker] if wish.speaker else [],
                seed=options.seed,
                temperature=options.temperature,
                top_p=top_p,
                progress=lambda done, total: task.report(done, 2 * total, "codes"),
            )
            length = -(-row.n_samples * PITCH_RATE // model.codec.sample_rate)
            f0 = None if row.pitch is None else restore_pitch(row.pitch, length)
            encoded = Encoded(codes=row.codes, n_samples=row.n_samples, source=Source(power=np.ones(length), f0=f0))
            speech = wish.speak(encoded, row.id, task, keep_level=False)
            return [self._keep("sample", f"{label}-{options.seed}", speech, wish, encoded, started)]

        return self.queue.submit(f"sample of {label} for {wish.speaker}", page, work)

    def _voice(self, request: Mapping[str, Any], page: str) -> Job:
        """Add a voice to a copy of a model."""
        model = self.models.get(text(request.get("model"), "model"))
        name = require_name(text(request.get("name"), "name"))
        clips = [self.clips.get(one) for one in dict.fromkeys(texts(request.get("clips"), "clips"))]
        steps = whole(request.get("steps", STEPS), "steps", 1, 1000)
        if not clips:
            raise InputError("no recordings of the new voice are chosen; record or choose some first")

        def work(task: Task) -> list[str]:
            with tempfile.TemporaryDirectory(prefix="vqspeech-studio-") as recordings:
                for place, clip in enumerate(clips):
                    audio.write(Path(recordings) / f"{place}.wav", clip.waveform, clip.sample_rate)
                out = _free(self._folder, f"{model.name}-{name}")
                add_voice(model.run, name, [recordings], out, steps=steps, progress=task.report)
            return [self.models.add(f"{model.name}+{name}", str(out)).name]

        return self.queue.submit(f"voice {name} of {model.name}", page, work)

    def _keep(
        self, kind: str, name: str, speech: Speech, wish: Wish, encoded: Encoded, started: float, source: str = ""
    ) -> str:
        """Keep generated speech; return its id."""
        rate, waveform = wish.model.codec.output_rate, audio.to_int16(speech.waveforms[0])
        took = time.perf_counter() - started
        made = Clip(
            kind=kind,
            name=name,
            waveform=waveform,
            sample_rate=rate,
            model=wish.model.name,
            speaker=wish.speaker,
            encoded=encoded,
            note=f"{took:.2f} s of work, {took * rate / max(1, len(waveform)):.2f} of real time",
            source=source,
        )
        return self.clips.add(made).id

    def __enter__(self) -> Studio:
        if self.out is None:
            self._folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory(prefix="vqspeech-studio-")))
        # Left first, so that no job writes to the folder when it is deleted.
        self._ends.enter_context(self.queue)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.close()


def _free(folder: Path, name: str) -> Path:
    """Return the path of a folder that there is not yet, in a folder."""
    names = (file_name(name if place == 1 else f"{name}-{place}") for place in count(1))
    return next(folder / one for one in names if not (folder / one).exists())
