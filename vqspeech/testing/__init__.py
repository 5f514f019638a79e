"""Conformance checks for plugin authors, as pytest parameters, and fixtures. Needs pytest: ``pip install pytest``.

    from vqspeech.testing import quantizer_checks

    @quantizer_checks("my-vq")
    def test_my_quantizer_keeps_its_contract(check):
        check()

The fixtures are in `vqspeech.testing.fixtures`; see docs/plugins/testing.md. Names load on first use, as those of
`vqspeech` do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqspeech.testing.alignments import alignment_checks
    from vqspeech.testing.cases import Case
    from vqspeech.testing.corpora import corpus_checks
    from vqspeech.testing.decoders import decoder_checks
    from vqspeech.testing.encoders import encoder_checks
    from vqspeech.testing.light import assert_light_import
    from vqspeech.testing.modalities import modality_checks
    from vqspeech.testing.pretrained import pretrained_checks
    from vqspeech.testing.priors import prior_checks
    from vqspeech.testing.quantizers import quantizer_checks

PUBLIC: dict[str, str] = {
    "Case": "vqspeech.testing.cases",
    "alignment_checks": "vqspeech.testing.alignments",
    "assert_light_import": "vqspeech.testing.light",
    "corpus_checks": "vqspeech.testing.corpora",
    "decoder_checks": "vqspeech.testing.decoders",
    "encoder_checks": "vqspeech.testing.encoders",
    "modality_checks": "vqspeech.testing.modalities",
    "pretrained_checks": "vqspeech.testing.pretrained",
    "prior_checks": "vqspeech.testing.priors",
    "quantizer_checks": "vqspeech.testing.quantizers",
}
"""Public name -> the module that it lives in."""

__all__ = [
    "Case",
    "alignment_checks",
    "assert_light_import",
    "corpus_checks",
    "decoder_checks",
    "encoder_checks",
    "modality_checks",
    "pretrained_checks",
    "prior_checks",
    "quantizer_checks",
]


def __getattr__(name: str) -> Any:
    """The public name, imported on first use (PEP 562)."""
    if name not in PUBLIC:
        raise AttributeError(
            f"module 'vqspeech.testing' has no attribute {name!r}; public: {', '.join(sorted(PUBLIC))}"
        )
    return getattr(importlib.import_module(PUBLIC[name]), name)
