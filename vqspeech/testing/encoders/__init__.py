"""What every encoder must do (`vqspeech.nn.encoders.protocol.Encoder`), as checks: `contract`, `rows` and `state`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from vqspeech.nn.encoders.protocol import Encoder
from vqspeech.testing.cases import parametrize
from vqspeech.testing.encoders import contract, rows, state
from vqspeech.testing.encoders.subject import EncoderSubject

CHECKS: tuple[Callable[[EncoderSubject], None], ...] = (*contract.CHECKS, *rows.CHECKS, *state.CHECKS)
"""Every check, in the order in which pytest shows them."""


def encoder_checks(
    *encoders: str | Callable[..., Encoder],
    sample_rate: int = 16_000,
    options: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrise a test over all checks of some encoders::

        @encoder_checks("my-enc", options={"channels": 16})
        def test_my_encoder_keeps_its_contract(check):
            check()

    Parameters
    ----------
    encoders : registered names, or callables that make an encoder as the target of an `EncoderSpec` does
    sample_rate : rate of the waveforms, in Hz
    options : keys of ``[model.encoder]`` for all of them; small networks keep the checks fast
    expected_failures : check, or ``encoder-check`` -> reason; such a check must fail

    Raises
    ------
    UnknownNameError : an expected failure of a check that does not exist
    """
    subjects = [EncoderSubject(encoder, sample_rate, dict(options or {})) for encoder in encoders]
    return parametrize(subjects, CHECKS, expected_failures or {})
