"""What every decoder must do (`vqspeech.nn.decoders.protocol.Decoder`), as checks: `losses`, `state` and `speech`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from vqspeech.nn.decoders.protocol import Decoder
from vqspeech.testing.cases import parametrize
from vqspeech.testing.decoders import losses, speech, state
from vqspeech.testing.decoders.subject import DecoderSubject

CHECKS: tuple[Callable[[DecoderSubject], None], ...] = (*losses.CHECKS, *state.CHECKS, *speech.CHECKS)
"""Every check, in the order in which pytest shows them."""


def decoder_checks(
    *decoders: str | Callable[..., Decoder],
    dim: int = 8,
    hop_samples: int = 64,
    sample_rate: int = 16_000,
    options: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrise a test over all checks of some decoders::

        @decoder_checks("my-dec", options={"channels": 16})
        def test_my_decoder_keeps_its_contract(check):
            check()

    Parameters
    ----------
    decoders : registered names, or callables that make a decoder as the target of a `DecoderSpec` does
    dim, hop_samples, sample_rate : as in `vqspeech.nn.decoders.protocol.Latents`
    options : keys of ``[model.decoder]`` for all of them; small networks keep the checks fast
    expected_failures : check, or ``decoder-check`` -> reason; such a check must fail

    Raises
    ------
    UnknownNameError : an expected failure of a check that does not exist
    """
    subjects = [
        DecoderSubject(decoder, dim, hop_samples, sample_rate, options=dict(options or {})) for decoder in decoders
    ]
    return parametrize(subjects, CHECKS, expected_failures or {})
