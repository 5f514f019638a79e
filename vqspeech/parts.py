"""Check, complete and build the registered parts of a model."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from vqspeech.errors import ConfigError, FailedPluginError
from vqspeech.registry import contracts, lookup
from vqspeech.registry.options import REQUIRED


def complete(kind: str, values: Mapping[str, Any], table: str = "") -> dict[str, Any]:
    """Check the options of a part and fill in the defaults of its factory.

    Parameters
    ----------
    kind : ``encoder``, ``quantizer``, ``decoder`` or ``prior``
    values : ``name`` and options of a configuration table
    table : name of the table, for messages; ``model.KIND`` when empty

    Returns
    -------
    JSON values: the name, then every option that the factory declares

    Raises
    ------
    UnknownNameError : for an unregistered name, or an option that the factory does not have
    ConfigError : for a value of a wrong type
    """
    options = contracts.options(lookup.find(kind, str(values["name"])))
    given = options.checked(_given(values), _prefix(kind, table), "key")
    defaults = {
        name: option.default
        for name, option in options.declared.items()
        if option.default is not REQUIRED and _is_plain(option.default)
    }
    # A value such as a path stays as it was given, and is converted again when the part is built.
    given = {key: value if _is_plain(value) else values[key] for key, value in given.items()}
    return {"name": values["name"], **{key: _plain(value) for key, value in {**defaults, **given}.items()}}


def build(kind: str, values: Mapping[str, Any], positional: Any, table: str = "") -> Any:
    """Build a part from its name and options.

    Parameters
    ----------
    kind, values, table : as in `complete`
    positional : argument of the factory: the sample rate of an encoder, ``dim`` of a quantizer, `Latents` of a
        decoder, `CodeSpace` of a prior

    Raises
    ------
    UnknownNameError, ConfigError : as in `complete`, for a missing option, and for values that the factory rejects
    PluginError : when the factory cannot be called, or returns an object of another kind
    FailedPluginError : for an exception of a plugin's factory other than `ValueError` and errors of vqspeech
    """
    entry, given = lookup.find(kind, str(values["name"])), _given(values)
    given = contracts.options(entry).checked(given, _prefix(kind, table), "key")
    try:
        return contracts.call(entry, positional, options=given, prefix=_prefix(kind, table))
    except FailedPluginError as error:
        # The contract of factories: a ValueError says that options cannot be used.
        if isinstance(error.__cause__, ValueError):
            raise ConfigError(f"{entry.title} cannot be built with {given}: {error.__cause__}") from error
        raise
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ConfigError(f"{entry.title} cannot be built with {given}: {error}") from error


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "name"}


def _prefix(kind: str, table: str) -> str:
    return f"{table or f'model.{kind}'}."


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    return json.loads(json.dumps(value))


def _is_plain(value: Any) -> bool:
    try:
        _plain(value)
    except (TypeError, ValueError):
        return False
    return True
