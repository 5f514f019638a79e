"""Checks of the hyper-parameters of quantizers."""

from __future__ import annotations

from typing import Any

from vqspeech.errors import ConfigError


def require(holds: bool, name: str, value: Any, allowed: str) -> None:
    """Raise a `ConfigError` that names the hyper-parameter, its value and the allowed values, unless `holds`."""
    if not holds:
        raise ConfigError(f"quantizer.{name} = {value!r} cannot be used; {allowed}")
