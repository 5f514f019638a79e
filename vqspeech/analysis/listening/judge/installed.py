"""Packages of the extra ``judge``: which are missing, and how to install them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

INSTALL = "pip install 'vqspeech[judge]'"
"""The command that installs everything a judge needs."""


def missing(*modules: str) -> tuple[str, ...]:
    """Return the modules that are not installed; imports none of them."""
    return tuple(name for name in modules if find_spec(name) is None)


def reason(what: str, packages: Sequence[str]) -> str:
    """Say that a measure lacks packages, and how to install them."""
    verb = "is" if len(packages) == 1 else "are"
    return f"{what} needs {' and '.join(packages)}, which {verb} not installed: {INSTALL}"
