"""Checks of what a configuration gives a quantizer."""

from __future__ import annotations

from typing import Any

from vqspeech.errors import ConfigError


def require(holds: bool, name: str, value: Any, allowed: str) -> None:
    """Raise `ConfigError` unless a hyper-parameter can be used; says what was given and what is allowed."""
    if not holds:
        raise ConfigError(f"quantizer.{name} = {value!r} cannot be used; {allowed}")
