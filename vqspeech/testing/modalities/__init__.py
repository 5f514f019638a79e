"""What every modality must do (`vqspeech.modality.Modality` and its `Task`), as checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from vqspeech.testing.cases import parametrize
from vqspeech.testing.modalities import contract, losses, trained
from vqspeech.testing.modalities.subject import ModalitySubject, Setup

CHECKS: tuple[Callable[[ModalitySubject], None], ...] = (*contract.CHECKS, *losses.CHECKS, *trained.CHECKS)
"""Every check, in the order in which pytest shows them."""


def modality_checks(
    name: str, setup: Setup, *, expected_failures: Mapping[str, str] | None = None
) -> pytest.MarkDecorator:
    """Parametrise a test over all checks of a modality::

        def setup(folder):
            ...  # write a little data into the folder
            return {"corpus": {...}, "model": {...}, "train": {...}}, folder

        @modality_checks("my-modality", setup)
        def test_my_modality_keeps_its_contract(check):
            check()

    Parameters
    ----------
    name : registered
    setup : given an empty folder, makes data; gives the tables of a run whose model trains a step in well under a
        second, and the data folder or None
    expected_failures : check -> reason; such a check must fail

    Raises
    ------
    UnknownNameError : an expected failure of a check that does not exist
    """
    return parametrize([ModalitySubject(name, setup)], CHECKS, expected_failures or {})
