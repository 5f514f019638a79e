"""Models through ``torch.hub.load(REPOSITORY, "model", NAME)``; see `vqspeech.from_pretrained`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import vqspeech

dependencies = ["torch", "vqspeech"]


def model(name: str, **options: Any) -> vqspeech.Model:
    """Load a model by its directory, its installed name, or OWNER/NAME[@REVISION]; options of `from_pretrained`."""
    import vqspeech

    return vqspeech.from_pretrained(name, **options)
