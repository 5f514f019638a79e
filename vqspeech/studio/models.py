"""Models of a studio: those given, those with voices added, and priors over their codes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqspeech.checkpoints.description import describe
from vqspeech.codec.load import load_speech, modality_of
from vqspeech.codec.speech import SpeechCodec
from vqspeech.encoding.tables import numbered
from vqspeech.errors import InputError, unknown_name
from vqspeech.generation import fitted, require_priors
from vqspeech.registry import lookup
from vqspeech.registry.specs import PretrainedSpec
from vqspeech.training.codes import LoadedPrior, load_prior
from vqspeech.untrusted import printable


@dataclass(frozen=True, eq=False, kw_only=True)
class StudioModel:
    """A model with its name on the page.

    Parameters
    ----------
    name : its name
    run : what it was loaded from, as for `vqspeech convert`
    codec : the model
    """

    name: str
    run: str
    codec: SpeechCodec

    def plain(self) -> dict[str, Any]:
        """Return JSON values."""
        codec = self.codec
        notes = codec.speaker_notes
        return {
            "name": self.name,
            "decoder": codec.config.decoder["name"],
            "speakers": [{"id": one, "note": printable(notes.get(one, ""))} for one in codec.speakers],
            "takes_pitch": codec.takes_pitch,
            "codebook_sizes": list(codec.codebook_sizes),
            "codebook": codec.codebook,
            "frame_rate_hz": codec.frame_rate_hz,
            "takes_voices": getattr(codec.model.decoder, "speaker_embedding", None) is not None,
        }


class StudioModels:
    """The models of a studio; for several threads.

    Parameters
    ----------
    runs : runs, checkpoints or named models of speech; the installed ones when empty
    priors : runs of priors over their codes

    Raises
    ------
    InputError : when nothing is given and nothing installed
    CheckpointError, PluginError : for a model that cannot be loaded, or a prior over codes of none of the models
    """

    def __init__(self, runs: Sequence[str], priors: Sequence[str] = ()) -> None:
        self._lock = threading.Lock()
        runs = list(runs) or installed()
        names = numbered([_name(run) for run in runs])
        self._models = {
            name: StudioModel(name=name, run=run, codec=load_speech(run)) for name, run in zip(names, runs, strict=True)
        }
        loaded = [load_prior(path) for path in priors]
        labels = numbered([_name(path) for path in priors])
        self._priors = {label: (self._model_of(prior), prior) for label, prior in zip(labels, loaded, strict=True)}

    def first(self) -> StudioModel:
        """Return the model that the page begins with."""
        with self._lock:
            return next(iter(self._models.values()))

    def get(self, name: str) -> StudioModel:
        """Return a model; raise `UnknownNameError` for a name that there is not."""
        with self._lock:
            if name not in self._models:
                raise unknown_name("model", name, self._models)
            return self._models[name]

    def add(self, name: str, run: str) -> StudioModel:
        """Load another model under a name, or the name with a number."""
        codec = load_speech(run)
        with self._lock:
            name = numbered([*self._models, name])[-1]
            self._models[name] = StudioModel(name=name, run=run, codec=codec)
            return self._models[name]

    def prior(self, name: str) -> tuple[StudioModel, LoadedPrior]:
        """Return a prior and the model of its codes; raise `UnknownNameError` for a name that there is not."""
        if name not in self._priors:
            raise unknown_name("prior", name, self._priors)
        return self._priors[name]

    def plain(self) -> dict[str, Any]:
        """Return the models and priors as JSON values."""
        with self._lock:
            models = [model.plain() for model in self._models.values()]
        priors = [
            {
                "name": name,
                "model": model.name,
                "conditions": list(prior.conditions) if prior.space.conditions else list(model.codec.speakers),
            }
            for name, (model, prior) in self._priors.items()
        ]
        return {"models": models, "priors": priors}

    def _model_of(self, prior: LoadedPrior) -> StudioModel:
        """Return the model of a prior's codes."""
        error: Exception | None = None
        for model in self._models.values():
            try:
                require_priors(fitted(model.codec, [prior]), [prior])
                return model
            except InputError as reason:
                error = error or reason
        assert error is not None
        raise error


def installed() -> list[str]:
    """Return the names of the installed models of speech.

    Raises
    ------
    InputError : when there are none
    """
    entries = sorted(entry.qualified for entry in lookup.entries(PretrainedSpec))
    names = [name for name in entries if modality_of(describe(name)[1]) == "audio"]
    if not names:
        raise InputError("no model of speech is installed; give a RUN, or: pip install vqspeech-voices")
    return names


def _name(run: str) -> str:
    """Return the last part of a path or name."""
    return printable(Path(run).name or Path(run).resolve().name)
