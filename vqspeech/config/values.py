"""Convert plain values to frozen dataclasses and back: TOML, checks, overrides, differences."""

from __future__ import annotations

import copy
import dataclasses
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from vqspeech.errors import ConfigError, unknown_name

T = TypeVar("T")

IMPLIED_NAMES = {"model.encoder": "conv", "model.decoder": "wavenet"}
"""Default names of tables without a name."""


@dataclass(frozen=True, kw_only=True)
class Strict:
    """Base of configurations, in which unknown keys are errors."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


def require(holds: bool, message: str) -> None:
    """Raise `ConfigError` with the message unless the condition holds."""
    if not holds:
        raise ConfigError(f"unusable value in the configuration: {message}")


def at_least(least: float, values: Any, table: str, *names: str) -> None:
    """Raise `ConfigError` unless the named values are at least `least`.

    Parameters
    ----------
    least : the smallest allowed value
    values : a configuration with these attributes, or a mapping with these keys
    table : name of their table, for the message
    names : names of the values
    """
    for name in names:
        value = values[name] if isinstance(values, Mapping) else getattr(values, name)
        require(value >= least, f"{table}.{name} = {value!r}; at least {least}")


def read_toml(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file.

    Raises
    ------
    ConfigError : when the file is missing or not TOML
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from error


def parse(kind: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Make a checked configuration from plain values.

    Parameters
    ----------
    kind : the dataclass to make
    values : nested mappings of plain values
    where : prefix for messages, for example ``"model."``

    Raises
    ------
    ConfigError : names every unknown key and every value of a wrong type
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        lines = []
        for issue in error.errors():
            key = where + ".".join(str(part) for part in issue["loc"])
            if issue["type"] == "unexpected_keyword_argument":
                lines.append(str(unknown_name("key", key, _keys(kind, where))))
            else:
                lines.append(f"{key} = {issue['input']!r}: {issue['msg']}.")
        raise ConfigError("unusable configuration: " + " ".join(lines)) from error


def _keys(kind: Any, prefix: str) -> list[str]:
    """Return the dotted names of all keys of a configuration dataclass."""
    import typing

    hints = typing.get_type_hints(kind)
    keys = []
    for item in dataclasses.fields(kind):
        nested = hints[item.name]
        keys += _keys(nested, f"{prefix}{item.name}.") if dataclasses.is_dataclass(nested) else [prefix + item.name]
    return keys


def override(values: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Apply ``a.b=c`` assignments to values; c is TOML, else a string.

    Assigning another ``name`` to a table (``model.quantizer.name``, ``corpus.name``) first clears the table, whose keys
    are options of the previous name. Such assignments are applied first.

    Raises
    ------
    ConfigError : when an assignment has no ``=``, or its path has a key that is not a table
    """
    result: dict[str, Any] = copy.deepcopy(dict(values))
    for assignment in sorted(assignments, key=lambda one: not one.partition("=")[0].strip().endswith(".name")):
        key, sign, text = assignment.partition("=")
        if not sign or not key.strip():
            raise ConfigError(f"--set {assignment!r}: write key=value, for example --set train.steps=2000")
        try:
            parsed = tomllib.loads(f"value = {text}")
        except tomllib.TOMLDecodeError:
            parsed = {}
        value = parsed["value"] if len(parsed) == 1 else text
        *path, last = key.strip().split(".")
        table = result
        for part in path:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--set {assignment!r}: {part!r} is a value, not a table")
        if path and last == "name" and table.get("name", IMPLIED_NAMES.get(".".join(path), value)) != value:
            table.clear()
        table[last] = value
    return result


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings; values of `changes` take precedence."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    """Return the differing keys of two plain configurations, each as ``key: old -> new``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            line
            for key in sorted({*old, *new})
            for line in differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else str(key))
        ]
    return [] if old == new else [f"{prefix}: {json.dumps(old)} -> {json.dumps(new)}"]


def plain(config: Any) -> dict[str, Any]:
    """Convert a configuration, a dataclass or mapping, to JSON values."""
    return json.loads(json.dumps(config if isinstance(config, Mapping) else dataclasses.asdict(config)))
