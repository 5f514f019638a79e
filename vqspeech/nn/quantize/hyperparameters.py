"""Checks of the hyper-parameters of quantizers."""

from __future__ import annotations

from typing import Any

from vqspeech.errors import ConfigError


def require(holds: bool, name: str, value: Any, allowed: str) -> None:
    """Raise `ConfigError` with name, value and allowed values, unless `holds`."""
    if not holds:
        raise ConfigError(f"quantizer.{name} = {value!r} cannot be used; {allowed}")
