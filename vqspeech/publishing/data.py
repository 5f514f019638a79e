"""The prepared data that a model was trained on, where they are still here."""

from __future__ import annotations

from vqspeech.codec.speech import SpeechCodec
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import CheckpointError
from vqspeech.runs import RunDirectory

LEVELS = 3
"""Folders that are searched: the run, and those around it, since recipes keep several models in one run."""


def training_data(codec: SpeechCodec) -> AudioStore | None:
    """Return the store with the fingerprint of a model's training data; None where it is not here, or damaged."""
    folder = RunDirectory.of_checkpoint(codec.path).path
    for directory in [folder, *folder.parents][:LEVELS]:
        store = RunDirectory(directory).store
        if not (store / "store.json").is_file():
            continue
        try:
            found = AudioStore.open(store)
        except CheckpointError:
            continue
        if found.fingerprint == codec.facts.get("data"):
            return found
    return None
