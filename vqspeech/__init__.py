"""Discrete codes from raw speech. Public names load torch on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vqspeech.api import Model, from_pretrained, load, score, train
    from vqspeech.codes import CodeTable
    from vqspeech.conversion import convert_file as convert
    from vqspeech.corpora.base import Corpus, Utterance
    from vqspeech.errors import VQSpeechError
    from vqspeech.registry.hookspecs import hookimpl

__version__ = "0.1.0"

_PUBLIC = {
    "CodeTable": "vqspeech.codes:CodeTable",
    "Corpus": "vqspeech.corpora.base:Corpus",
    "Model": "vqspeech.api:Model",
    "Utterance": "vqspeech.corpora.base:Utterance",
    "VQSpeechError": "vqspeech.errors:VQSpeechError",
    "convert": "vqspeech.conversion:convert_file",
    "from_pretrained": "vqspeech.api:from_pretrained",
    "hookimpl": "vqspeech.registry.hookspecs:hookimpl",
    "load": "vqspeech.api:load",
    "score": "vqspeech.api:score",
    "train": "vqspeech.api:train",
}

__all__ = [
    "CodeTable",
    "Corpus",
    "Model",
    "Utterance",
    "VQSpeechError",
    "__version__",
    "convert",
    "from_pretrained",
    "hookimpl",
    "load",
    "score",
    "train",
]


if not TYPE_CHECKING:
    # hidden from type checkers, which would take any name for public

    def __getattr__(name):
        """Import a public name on first use (PEP 562)."""
        if name not in _PUBLIC:
            raise AttributeError(f"module 'vqspeech' has no attribute {name!r}; public: {', '.join(sorted(_PUBLIC))}")
        module, _, attribute = _PUBLIC[name].partition(":")
        value = getattr(importlib.import_module(module), attribute)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
