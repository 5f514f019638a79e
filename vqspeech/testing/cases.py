"""A suite of checks over subjects, one pytest parameter per pair, like scikit-learn's ``parametrize_with_checks``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from vqspeech.errors import InputError, unknown_name


class Subject(Protocol):
    """The subject of checks; its name is the first half of the test's."""

    @property
    def name(self) -> str:
        """A registered name, or the name of a factory."""
        ...


@dataclass(frozen=True)
class Case:
    """One check of one subject; calling it returns, raises `AssertionError`, or skips."""

    subject: Subject
    check: Callable[[Any], None]

    @property
    def id(self) -> str:
        """``subject-check``, as pytest prints it."""
        return f"{self.subject.name}-{self.check.__name__}"

    def __call__(self) -> None:
        """Run the check."""
        self.check(self.subject)


def parametrize(
    subjects: Iterable[Subject], checks: Sequence[Callable[[Any], None]], expected_failures: Mapping[str, str]
) -> pytest.MarkDecorator:
    """Make the parameter ``check`` of a test function: a `Case` for each subject and check.

    Parameters
    ----------
    subjects : what to check
    checks : functions of a subject
    expected_failures : check, or ``subject-check`` -> reason. Such a test must fail (strict xfail), so that no reason
        outlives its cause

    Raises
    ------
    InputError : an expected failure without a reason
    UnknownNameError : an expected failure of an unknown check
    """
    cases = [Case(subject, check) for subject in subjects for check in checks]
    known = {case.id for case in cases} | {check.__name__ for check in checks}
    for key, reason in expected_failures.items():
        if key not in known:
            raise unknown_name("check", key, known, "It is a key of expected_failures.")
        if not reason.strip():
            raise InputError(f"expected_failures[{key!r}] gives no reason; say why the check fails")
    parameters = []
    for case in cases:
        why = expected_failures.get(case.id) or expected_failures.get(case.check.__name__)
        marks = [pytest.mark.xfail(reason=why, strict=True)] if why else []
        parameters.append(pytest.param(case, id=case.id, marks=marks))
    return pytest.mark.parametrize("check", parameters)
