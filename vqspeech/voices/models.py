"""Models with a voice more or less: new checkpoint directories."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqspeech.checkpoints.directory import CONFIG, WEIGHTS, damage, write
from vqspeech.claims import claimed
from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import CheckpointError, InputError
from vqspeech.model import build
from vqspeech.nn.speakers import extended, selected, speaker_tensors
from vqspeech.voices.fit import STEPS, FittedVoice, Progress, fit_voice
from vqspeech.voices.recordings import VoiceRecordings, read_recordings

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True, eq=False, kw_only=True)
class AddedVoice:
    """What `add_voice` did.

    Parameters
    ----------
    path : the new checkpoint directory
    recordings : the speech that the voice was fitted on
    voice : the fitted rows, and the losses
    """

    path: Path
    recordings: VoiceRecordings
    voice: FittedVoice


def add_voice(
    run: str | Path,
    name: str,
    recordings: Sequence[str | Path],
    out: Path,
    *,
    steps: int = STEPS,
    seed: int = 0,
    said: Any = None,
    progress: Progress | None = None,
) -> AddedVoice:
    """Add a voice to a model of speech, fitted on recordings of one speaker; see `vqspeech.voices.fit`.

    Parameters
    ----------
    run : a run, a checkpoint or a named model; it is not changed
    name : speaker id of the new voice
    recordings : audio files of the speaker, and folders of them
    out : checkpoint directory to write, new or empty
    steps, seed : see `fit_voice`
    said : called with the `VoiceRecordings` before fitting
    progress : see `vqspeech.voices.fit.Progress`

    Raises
    ------
    InputError : a name taken or unusable, a model without speakers or without `speaker_embedding`, too little speech,
        an `out` that holds something, or that another process writes
    AudioError, CheckpointError : unreadable recordings, an unusable model
    """
    with claimed([out]):
        return _add_voice(run, name, recordings, out, steps, seed, said, progress)


def _add_voice(
    run: str | Path,
    name: str,
    recordings: Sequence[str | Path],
    out: Path,
    steps: int,
    seed: int,
    said: Any,
    progress: Progress | None,
) -> AddedVoice:
    _require_free(out)
    codec = _with_voices(run)
    require_name(name)
    if name in codec.speakers:
        raise InputError(f"{codec.path} has a voice {name!r} already; choose another name, or remove that voice first")
    found = read_recordings(recordings, codec.sample_rate)
    if said is not None:
        said(found)
    voice = fit_voice(codec, found, steps=steps, seed=seed, progress=progress)
    weights = extended(_weights(codec), voice.rows)
    _require_fit(codec, [*codec.speakers, name], weights)
    note = f"added from {found.speech_s:.0f} s of speech"
    notes = {**codec.speaker_notes, name: note}
    added = {
        "name": name,
        "speech_s": round(found.speech_s, 2),
        "files": found.files,
        "start": voice.start,
        "steps": voice.steps,
        "seed": seed,
        "criterion": voice.criterion,
        "before": voice.before,
        "after": voice.after,
    }
    facts = {
        **_described(codec),
        "speakers": [*codec.speakers, name],
        "speaker_notes": notes,
        "heard_speakers": sorted({*codec.heard_speakers, name}),
        "added_voices": [*codec.facts.get("added_voices", []), added],
    }
    _write(out, facts, weights)
    return AddedVoice(path=out, recordings=found, voice=voice)


def require_name(name: str) -> str:
    """Return the name of a new voice; raise `InputError` for one that is not allowed."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"the name {name!r} is not allowed: letters, digits, '.', '_' and '-', and no '.' or '-' first"
        )
    return name


def remove_voice(run: str | Path, name: str, out: Path) -> Path:
    """Write a model without one of its voices; return its directory.

    The speaker stays among the ``heard_speakers`` of the model.

    Parameters
    ----------
    run : a run, a checkpoint or a named model; it is not changed
    name : speaker id of the voice
    out : checkpoint directory to write, new or empty

    Raises
    ------
    UnknownNameError : for a voice that the model does not have
    InputError : for its only voice, a decoder without `speaker_embedding`, an `out` that holds something, or that
        another process writes
    """
    with claimed([out]):
        _require_free(out)
        codec = _with_voices(run)
        codec.speaker_index(name)
        if len(codec.speakers) == 1:
            raise InputError(f"{name!r} is the only voice of {codec.path}; a model needs one")
        return keep_voices(codec, [speaker for speaker in codec.speakers if speaker != name], out)


def keep_voices(codec: SpeechCodec, speakers: Sequence[str], out: Path) -> Path:
    """Write a model with some of its voices, in the given order; return its directory.

    Raises
    ------
    UnknownNameError : for a voice that the model does not have
    InputError : for a decoder without `speaker_embedding`
    """
    rows = [codec.speaker_index(speaker) for speaker in speakers]
    weights = selected(_weights(codec), speaker_tensors(codec.model), rows)
    _require_fit(codec, speakers, weights)
    facts = {
        **_described(codec),
        "speakers": list(speakers),
        "speaker_notes": {name: note for name, note in codec.speaker_notes.items() if name in speakers},
        "heard_speakers": list(codec.heard_speakers),
    }
    _write(out, facts, weights)
    return out


def _with_voices(run: str | Path) -> SpeechCodec:
    codec = load_speech(run)
    if not codec.speakers:
        raise InputError(f"{codec.path} has no speakers, so voices cannot be added to it or removed")
    speaker_tensors(codec.model)
    return codec


def _require_free(out: Path) -> None:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out} exists already; give a new or empty directory as --out")


def _described(codec: SpeechCodec) -> dict[str, Any]:
    """Return the contents of config.json as they are on disk."""
    facts: dict[str, Any] = json.loads((codec.path / CONFIG).read_text(encoding="utf-8"))
    return facts


def _weights(codec: SpeechCodec) -> dict[str, Tensor]:
    """Return the weights as they are on disk, in their dtypes."""
    from safetensors.torch import load_file

    if broken := damage(codec.path, [WEIGHTS]):
        raise CheckpointError(f"{codec.path}: {broken}")
    return load_file(codec.path / WEIGHTS)


def _require_fit(codec: SpeechCodec, speakers: Sequence[str], weights: Mapping[str, Tensor]) -> None:
    """Check that weights are those of a model with these speakers, before anything is written."""
    with torch.random.fork_rng(devices=[]):
        wanted = build(codec.config, speakers).state_dict()
    for name, tensor in wanted.items():
        if name in weights and weights[name].shape != tensor.shape:
            raise InputError(
                f"{name} of {codec.path} depends on the number of speakers, and {type(codec.model.decoder).__name__} "
                "does not name it in speaker_buffers(); its voices cannot be added or removed"
            )


def _write(out: Path, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save

    content = {name: tensor.contiguous() for name, tensor in weights.items()}
    write(out, {CONFIG: (json.dumps(facts, indent=1) + "\n").encode(), WEIGHTS: save(content)})
