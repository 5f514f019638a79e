"""Check registered models: their files are there, as they were written, and load."""

from __future__ import annotations

from vqspeech.checkpoints.directory import CHECKSUMS, damage
from vqspeech.checkpoints.names import registered_directory
from vqspeech.codec.load import load
from vqspeech.errors import VQSpeechError
from vqspeech.registry.records import Entry
from vqspeech.registry.specs import Spec

PICKLES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"})
"""Suffixes of files that may hold pickles, which can run code; no model is published in them."""


def problem(entry: Entry[Spec]) -> str:
    """Return the defect of a registered model; empty for none.

    Its files are present and have their checksums, none is a pickle, and the model loads with all weights.
    """
    try:
        path = registered_directory(entry)
        if not (path / CHECKSUMS).is_file():
            return f"{entry.title} has no {CHECKSUMS} in {path}; `vqspeech export` writes it"
        if (broken := damage(path)) is not None:
            return f"{entry.title}: {path}/{broken}"
        if pickles := sorted(item.name for item in path.iterdir() if item.suffix in PICKLES):
            return f"{entry.title}: {path} holds {', '.join(pickles)}; publish what `vqspeech export` writes"
        load(path)
    except (VQSpeechError, OSError) as error:
        return f"{entry.title}: {error}"
    return ""
