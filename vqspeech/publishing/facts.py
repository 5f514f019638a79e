"""The description of a published model: what a user needs, and nothing of the machine that trained it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import ModelConfig, plain
from vqspeech.errors import InputError, unknown_name

_ABSOLUTE = re.compile(r"^(/|~|\\\\|[A-Za-z]:[\\/]|file:)")


def published_facts(
    codec: SpeechCodec, speakers: Sequence[str], config: ModelConfig, voices: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the further JSON values of config.json: voices, corpus and settings of training, without paths.

    The fingerprint of the data, the source of frozen codes and absolute paths are dropped.

    Parameters
    ----------
    codec : the trained model
    speakers : published voices
    config : configuration of the published model
    voices : speaker id -> a line that stands before what the model knows of the voice

    Raises
    ------
    InputError : for a model that needs a file of this machine
    UnknownNameError : for a line on a voice that the model does not have
    """
    model = plain(config)
    if paths := sorted(_paths(model, "model")):
        raise InputError(
            f"{paths[0]} is an absolute path, and a published model cannot depend on a file of this machine"
        )
    facts: dict[str, Any] = without_paths(
        {key: codec.facts[key] for key in ("corpus", "heard_speakers", "decoder_path") if codec.facts.get(key)}
    )
    run = codec.facts.get("run")
    if isinstance(run, Mapping):
        facts["run"] = {**without_paths({key: run[key] for key in run if key != "model"}), "model": model}
    for speaker in voices or {}:
        if speaker not in codec.speakers:
            raise unknown_name("speaker", speaker, codec.speakers, "It is in the notes of the card.")
    known = ((voices or {}), codec.speaker_notes)
    lines = {speaker: "; ".join(part[speaker] for part in known if speaker in part) for speaker in speakers}
    if notes := {speaker: line for speaker, line in lines.items() if line}:
        facts["speaker_notes"] = notes
    return facts


def without_paths(value: Any) -> Any:
    """Return a JSON value without the absolute paths in it."""
    if isinstance(value, Mapping):
        return {key: without_paths(item) for key, item in value.items() if not _is_path(item)}
    if isinstance(value, list | tuple):
        return [without_paths(item) for item in value if not _is_path(item)]
    return value


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and _ABSOLUTE.match(value) is not None


def _paths(value: Any, name: str) -> list[str]:
    if isinstance(value, Mapping):
        return [path for key, item in value.items() for path in _paths(item, f"{name}.{key}")]
    if isinstance(value, list | tuple):
        return [path for number, item in enumerate(value) for path in _paths(item, f"{name}[{number}]")]
    return [f"{name} = {value!r}"] if _is_path(value) else []
