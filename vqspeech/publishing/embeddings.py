"""Speaker embeddings of published voices, so that `vqspeech evaluate` needs no recordings of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vqspeech.analysis.listening.judge import voices as voice_file
from vqspeech.analysis.listening.judge.embedding import NAME, SAMPLE_RATE, Ge2e, why_not
from vqspeech.analysis.listening.judge.sources import Source, corpus_sources, store_sources
from vqspeech.analysis.listening.judge.targets import recordings_of
from vqspeech.codec.speech import SpeechCodec
from vqspeech.corpora.found import find_recordings
from vqspeech.errors import InputError
from vqspeech.publishing.data import training_data


def embeddings_of(codec: SpeechCodec, speakers: Sequence[str], given: Path | None = None) -> dict[str, Any] | None:
    """Return the contents of voices.json for published voices; None where nothing is known of them.

    Parameters
    ----------
    codec : the trained model
    speakers : published voices
    given : voices.json, or recordings in a folder per speaker; when None, voices.json of the checkpoint, else the
        prepared data of the run where the extra ``judge`` is installed

    Raises
    ------
    InputError : for a file or recordings that cannot be used, or that have none of the voices
    """
    if given is not None and given.is_dir():
        if (why := why_not()) is not None:
            raise InputError(f"--voices {given}: {why}")
        embedded = _embedded(speakers, corpus_sources(find_recordings([given])))
        if not embedded:
            raise InputError(f"{given} holds no speech of the voices {', '.join(speakers)}")
        return _contents(embedded)
    path = codec.path / voice_file.FILE if given is None else given
    if given is not None or path.is_file():
        return _kept(path, speakers)
    store = training_data(codec) if why_not() is None else None
    if store is None:
        return None
    heard = [source for source in store_sources(store) if source.split == "train"]
    return _contents(embedded) if (embedded := _embedded(speakers, heard)) else None


def _embedded(speakers: Sequence[str], sources: Sequence[Source]) -> dict[str, dict[str, Any]]:
    """Embed the voices that have recordings with speech."""
    embedder = Ge2e()
    found: dict[str, dict[str, Any]] = {}
    for speaker in speakers:
        waveforms = [source.waveform(SAMPLE_RATE) for source in recordings_of(speaker, [sources])]
        try:
            found |= voice_file.voices_of({speaker: waveforms}, embedder)
        except InputError:
            # Nothing that is taken for speech.
            continue
    return found


def _contents(voices: Mapping[str, Any]) -> dict[str, Any]:
    return {"format": voice_file.FORMAT, "embedding": NAME, "voices": dict(voices)}


def _kept(path: Path, speakers: Sequence[str]) -> dict[str, Any]:
    """Read a voices.json and keep the published voices."""
    try:
        values = dict(json.loads(path.read_text(encoding="utf-8")))
        kept = {speaker: values["voices"][speaker] for speaker in speakers if speaker in values["voices"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no voices.json with speaker embeddings: {error}") from error
    if not kept:
        raise InputError(f"{path} holds none of the voices {', '.join(speakers)}")
    return {**values, "voices": kept}
