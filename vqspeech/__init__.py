"""Discrete codes from raw speech, and what can be done with them. Importing this imports no torch: names load on first use."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

PUBLIC: dict[str, str] = {
    "hookimpl": "vqspeech.registry.hookspecs:hookimpl",
    "VQSpeechError": "vqspeech.errors:VQSpeechError",
    "CodeTable": "vqspeech.codes:CodeTable",
    "Corpus": "vqspeech.corpora.base:Corpus",
    "Utterance": "vqspeech.corpora.base:Utterance",
    "VQVAE": "vqspeech.nn.vqvae:VQVAE",
    "load_model": "vqspeech.model:load",
    "convert": "vqspeech.conversion:convert_file",
}
"""Public name -> where it lives."""

__all__ = [
    "PUBLIC",
    "VQVAE",
    "CodeTable",
    "Corpus",
    "Utterance",
    "VQSpeechError",
    "__version__",
    "convert",
    "hookimpl",
    "load_model",
]


def __getattr__(name: str) -> Any:
    """The public name, imported on first use (PEP 562)."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'vqspeech' has no attribute {name!r}; public: {', '.join(sorted(PUBLIC))}")
    module, _, attribute = PUBLIC[name].partition(":")
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
