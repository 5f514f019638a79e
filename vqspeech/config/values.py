"""Convert plain values to frozen dataclasses and back: TOML, checks, overrides, differences."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from annotated_types import Ge, Le

from vqspeech.config.faults import HEAD, UNUSABLE, require_all, sentence
from vqspeech.errors import ConfigError, unknown_name

T = TypeVar("T")

Count = Annotated[int, Ge(1)]
"""A whole number of at least 1."""

Size = Annotated[int, Ge(0)]
"""A whole number of at least 0."""

Weight = Annotated[float, Ge(0)]
"""A number of at least 0."""

Share = Annotated[float, Ge(0), Le(1)]
"""A number between 0 and 1."""

MOST_BYTES, MOST_DEPTH = 16 * 2**20, 32
"""Size and nesting of the largest configuration that is read."""

IMPLIED_NAMES = {"model.encoder": "conv", "model.decoder": "wavenet"}
"""Default names of tables without a name."""


@dataclass(frozen=True, kw_only=True)
class Strict:
    """Base of configurations, in which unknown keys are errors."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic collect the `ConfigError` of a constructor with the faults of other tables."""
        from pydantic_core import PydanticCustomError, core_schema

        def build(value: Any, make: Any) -> Any:
            try:
                return make(value)
            except ConfigError as error:
                raise PydanticCustomError(UNUSABLE, "{reason}", {"reason": str(error).removeprefix(HEAD)}) from error

        return core_schema.no_info_wrap_validator_function(build, handler(source))


def require(holds: bool, message: str) -> None:
    """Raise `ConfigError` with the message unless the condition holds."""
    if not holds:
        raise ConfigError(f"{HEAD}{message}")


def at_least(least: float, values: Any, table: str, *names: str) -> None:
    """Raise `ConfigError` unless the named values are at least `least`; the message has all that are not.

    Parameters
    ----------
    least : the smallest allowed value
    values : a configuration with these attributes, or a mapping with these keys
    table : name of their table, for the message
    names : names of the values
    """
    found = {name: values[name] if isinstance(values, Mapping) else getattr(values, name) for name in names}
    require_all(*((value >= least, f"{table}.{name} = {value!r}; at least {least}") for name, value in found.items()))


def at_most(most: float, values: Any, table: str, *names: str) -> None:
    """Raise `ConfigError` unless the named values are at most `most`; arguments as in `at_least`."""
    found = {name: values[name] if isinstance(values, Mapping) else getattr(values, name) for name in names}
    require_all(*((value <= most, f"{table}.{name} = {value!r}; at most {most}") for name, value in found.items()))


def read_toml(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file in UTF-8, with or without a byte order mark.

    Raises
    ------
    ConfigError : when the file is missing, not TOML, or holds values that no configuration has
    """
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"cannot read the configuration {path}: it is not a file")
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"cannot read the configuration {path}: it has more than {MOST_BYTES} bytes")
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a TOML file in UTF-8 ({error}); save it in that encoding") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is not a TOML file: it is nested too deeply") from error
    # Numbers of thousands of digits are a plain ValueError.
    except ValueError as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from error
    require_plain(values)
    return values


def require_plain(values: Mapping[str, Any], where: str = "") -> None:
    """Raise `ConfigError` for values that no configuration has: dates, numbers that are not finite, endless integers.

    Parameters
    ----------
    values : nested mappings and lists
    where : prefix of names in messages
    """
    for key, value in values.items():
        _require_plain(value, f"{where}{key}", 0)


def _require_plain(value: Any, name: str, depth: int) -> None:
    require(depth <= MOST_DEPTH, f"{name[:80]}: nested too deeply")
    if isinstance(value, Mapping):
        for key, one in value.items():
            _require_plain(one, f"{name}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            _require_plain(one, f"{name}[{number}]", depth + 1)
    elif isinstance(value, float):
        require(math.isfinite(value), f"{name} = {value}; a finite number")
    elif isinstance(value, int):
        require(abs(value) < 2**64, f"{name}: a whole number below 2^64")
    else:
        require(not isinstance(value, datetime.date | datetime.time), f"{name} = {value}; no date or time")


def parse(kind: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Make a checked configuration from plain values.

    Parameters
    ----------
    kind : the dataclass to make
    values : nested mappings of plain values
    where : prefix for messages, for example ``"model."``

    Raises
    ------
    ConfigError : names every unknown key, and every value of a wrong type or out of bounds; its ``keys`` are their
        dotted names, or those of tables whose values do not fit each other
    """
    from pydantic import TypeAdapter, ValidationError

    require_plain(values, where)
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        lines, keys = [], []
        for issue in error.errors():
            key = (where + ".".join(str(part) for part in issue["loc"])).removesuffix(".")
            keys.append(key)
            if issue["type"] == "unexpected_keyword_argument":
                lines.append(str(unknown_name("key", key, _keys(kind, where))))
            else:
                lines.append(sentence(issue, key))
        raise ConfigError("unusable configuration: " + " ".join(dict.fromkeys(lines)), keys=keys) from error


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
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"--set {key.strip()}: the value cannot be read: {error}") from error
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
