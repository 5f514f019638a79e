"""The Python interface: load a model and apply it to arrays, train, and score codes."""

from vqspeech.api.loading import from_pretrained, load
from vqspeech.api.model import Model
from vqspeech.api.work import score, train

__all__ = ["Model", "from_pretrained", "load", "score", "train"]
