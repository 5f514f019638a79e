"""Checks of quantizers (`vqspeech.nn.quantize.Quantizer`): contract, masks, state, noise, codebook, processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from vqspeech.nn.quantize import Quantizer
from vqspeech.testing.cases import parametrize
from vqspeech.testing.quantizers import codebook, contract, masks, noise, processes, state
from vqspeech.testing.quantizers.subject import QuantizerSubject

CHECKS: tuple[Callable[[QuantizerSubject], None], ...] = (
    *contract.CHECKS,
    *masks.CHECKS,
    *state.CHECKS,
    *noise.CHECKS,
    *codebook.CHECKS,
    *processes.CHECKS,
)
"""All checks, in pytest's order."""


def quantizer_checks(
    *quantizers: str | Callable[..., Quantizer],
    dim: int = 8,
    options: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrise a test over all checks of some quantizers::

        @quantizer_checks("my-vq", options={"codebook_size": 32}, expected_failures={"two_processes": "see README"})
        def test_my_quantizer_keeps_its_contract(check):
            check()

    Parameters
    ----------
    quantizers : registered names, or callables that make a quantizer as the target of a `QuantizerSpec` does
    dim : channels of latents
    options : hyper-parameters for all of them
    expected_failures : check, or ``quantizer-check`` -> reason; such a check must fail

    Raises
    ------
    UnknownNameError : an expected failure of an unknown check
    """
    subjects = [QuantizerSubject(quantizer, dim, dict(options or {})) for quantizer in quantizers]
    return parametrize(subjects, CHECKS, expected_failures or {})
