"""Embeddings of the voices of a model: made from recordings, kept beside its weights in ``voices.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech.analysis.listening.judge.embedding import DIM, NAME, Embedder, mean_embedding
from vqspeech.errors import CheckpointError, InputError
from vqspeech.files import write_json

FILE = "voices.json"
FORMAT = 1
RECORDINGS = 10
"""Recordings of a voice that its embedding is the mean of."""


def voices_of(recordings: Mapping[str, Iterable[np.ndarray]], embedder: Embedder) -> dict[str, dict[str, Any]]:
    """Embed voices from their recordings.

    Parameters
    ----------
    recordings : voice -> waveforms (time,) float32 at 16 kHz
    embedder : the speaker embedding

    Returns
    -------
    voice -> ``embedding``, a list of numbers, ``recordings``, their number, and ``seconds``

    Raises
    ------
    InputError : for a voice without speech
    """
    voices = {}
    for voice, waveforms in recordings.items():
        given = list(waveforms)
        embedded = [one for waveform in given if (one := embedder.embed(np.clip(waveform, -1, 1))) is not None]
        if not embedded:
            raise InputError(f"no recording of the voice {voice!r} holds speech")
        voices[voice] = {
            "embedding": [round(float(value), 6) for value in mean_embedding(embedded)],
            "recordings": len(embedded),
            "seconds": round(sum(map(len, given)) / 16000, 1),
        }
    return voices


def write_voices(directory: Path, voices: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write what `voices_of` returned to ``voices.json`` in a model's directory; returns the path."""
    return write_json(directory / FILE, {"format": FORMAT, "embedding": NAME, "voices": dict(voices)})


def read_voices(directory: Path) -> dict[str, np.ndarray]:
    """Read the embeddings (256,) of a model's voices; empty when its directory has no ``voices.json``.

    Raises
    ------
    CheckpointError : for a damaged file, a newer format, or another embedding
    """
    path = directory / FILE
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] > FORMAT or data["embedding"] != NAME:
            raise ValueError(
                f"format {data['format']} of {data['embedding']!r}; this release reads {FORMAT} of {NAME!r}"
            )
        voices = {name: np.asarray(one["embedding"], dtype=np.float32) for name, one in data["voices"].items()}
        if any(one.shape != (DIM,) for one in voices.values()):
            raise ValueError(f"an embedding does not have {DIM} numbers")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    return voices
