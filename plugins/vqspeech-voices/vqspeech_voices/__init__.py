"""Trained models of English speech for vqspeech; each is a directory that `vqspeech export` wrote."""

from pathlib import Path

import vqspeech
from vqspeech.registry.specs import PretrainedSpec

_SUMMARIES = {
    "english": "seven English voices, trained by the recipe voices; 900 bit/s, or 450 with --codebooks 1",
}
"""Registered name, which is also the name of the directory -> summary."""


@vqspeech.hookimpl
def register_pretrained() -> list[PretrainedSpec]:
    """Register the models whose directories are there."""
    return [
        PretrainedSpec(
            name=name,
            target=f"vqspeech_voices:{name.replace('-', '_')}",
            summary=_SUMMARIES[name],
            licence="CC BY 4.0; see the model card",
        )
        for name in models()
    ]


def models() -> list[str]:
    """Return the names of the models in this distribution."""
    return [name for name in _SUMMARIES if _directory(name).is_dir()]


def english() -> Path:
    """Return the directory of the model `english`."""
    return _directory("english")


def _directory(name: str) -> Path:
    return Path(__file__).parent / name
