"""What every prior must do (`vqspeech.nn.priors.protocol.Prior`), as checks: `losses`, `samples` and `state`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from vqspeech.nn.priors.protocol import CodeSpace, Prior
from vqspeech.testing.cases import parametrize
from vqspeech.testing.priors import losses, samples, state
from vqspeech.testing.priors.subject import SPACE, PriorSubject

CHECKS: tuple[Callable[[PriorSubject], None], ...] = (*losses.CHECKS, *samples.CHECKS, *state.CHECKS)
"""Every check, in the order in which pytest shows them."""


def prior_checks(
    *priors: str | Callable[..., Prior],
    space: CodeSpace = SPACE,
    options: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrise a test over all checks of some priors::

        @prior_checks("my-prior", options={"channels": 16})
        def test_my_prior_keeps_its_contract(check):
            check()

    Parameters
    ----------
    priors : registered names, or callables that make a prior as the target of a `PriorSpec` does
    space : space of the codes; small, for checks draw many items. Some checks use a smaller one of the same kind
    options : keys of ``[model]`` for all of them; small networks keep the checks fast
    expected_failures : check, or ``prior-check`` -> reason; such a check must fail

    Raises
    ------
    UnknownNameError : an expected failure of a check that does not exist
    """
    subjects = [PriorSubject(prior, space, dict(options or {})) for prior in priors]
    return parametrize(subjects, CHECKS, expected_failures or {})
