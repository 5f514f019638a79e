"""Options of registered targets: read from signatures, checked, and described."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vqspeech.config.faults import Faults, bounds, sentence
from vqspeech.errors import ConfigError, unknown_name

REQUIRED = inspect.Parameter.empty
"""Default of an option that must be given."""


@dataclass(frozen=True)
class Option:
    """A keyword of a target.

    Parameters
    ----------
    name : the keyword
    type : its annotation, or the type of its default, else Any
    default : `REQUIRED` where there is none
    """

    name: str
    type: Any
    default: Any = REQUIRED

    def __str__(self) -> str:
        """Name, type and default as in a signature, for example ``beta: float = 0.25``."""
        shown = self.name if self.type is Any else f"{self.name}: {_type_name(self.type)}"
        return shown if self.default is REQUIRED else f"{shown} = {self.default!r}"

    def checked(self, value: Any, key: str = "") -> Any:
        """Convert a value to the option's type.

        Parameters
        ----------
        value : a plain value, as read from TOML or JSON
        key : name of the option in messages; its own name when empty

        Raises
        ------
        ConfigError : for a value of another type
        UnknownNameError : for an unknown key of a nested table
        """
        from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

        if self.type is Any:
            return value
        try:
            return TypeAdapter(self.type).validate_python(value)
        except (PydanticSchemaGenerationError, PydanticUserError):
            # A type that pydantic does not know.
            return value
        except ValidationError as error:
            raise ConfigError(" ".join(_issues(error, self.type, key or self.name))) from error


@dataclass(frozen=True)
class Options:
    """All options of a target.

    Parameters
    ----------
    declared : name -> option, in the order of the signature
    open_ended : whether the target accepts other keywords (``**options``)
    """

    declared: dict[str, Option]
    open_ended: bool

    def checked(self, values: Mapping[str, Any], prefix: str = "", kind: str = "option") -> dict[str, Any]:
        """Check given values and convert them to the types of their options.

        Parameters
        ----------
        values : name -> plain value
        prefix : prefix of names in messages, for example ``"model.encoder."``
        kind : word for an option in messages

        Raises
        ------
        UnknownNameError : for a name that is no option
        ConfigError : for a value of another type or out of bounds, and for several faults together
        """
        faults, result = Faults(), {}
        for name, value in values.items():
            with faults.caught():
                if name not in self.declared and not self.open_ended:
                    raise unknown_name(kind, f"{prefix}{name}", [f"{prefix}{one}" for one in self.declared])
                given = self.declared.get(name)
                result[name] = given.checked(value, f"{prefix}{name}") if given else value
        faults.reraise()
        return result


def options_of(target: Callable[..., Any], positional: int, reserved: tuple[str, ...] = ()) -> Options:
    """Return the options of a target: its keywords after the positional arguments.

    Parameters
    ----------
    target : a function or class
    positional : number of leading arguments that the caller gives
    reserved : keywords that the caller gives as well

    Returns
    -------
    No declared option and open-ended for a target without a readable signature, such as a function in C
    """
    try:
        parameters = list(inspect.signature(target).parameters.values())[positional:]
    except (TypeError, ValueError):
        return Options({}, open_ended=True)
    hints = _hints(target)
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    declared = {
        one.name: Option(one.name, hints.get(one.name, _type_of(one.default)), one.default)
        for one in parameters
        if one.kind in by_name and one.name not in reserved
    }
    return Options(declared, any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters))


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    called = target.__init__ if inspect.isclass(target) else target
    try:
        return typing.get_type_hints(called, include_extras=True)
    except (NameError, TypeError, AttributeError):
        # Names imported for type checking only.
        return {}


def _type_of(default: object) -> Any:
    """Return the type of an option without annotation, from its default."""
    if isinstance(default, bool):
        return bool
    if isinstance(default, int | float):
        return int | float
    return str if isinstance(default, str) else Any


def _type_name(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Annotated:
        return ", ".join([_type_name(kind.__origin__), *bounds(kind)])
    name = kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)
    return re.sub(r"\w+\.", "", name)


def _issues(error: Any, kind: Any, key: str) -> list[str]:
    """Return a sentence per distinct mistake of a pydantic error."""
    tables = _tables(kind)
    named = dataclasses.is_dataclass(tables) or not typing.get_args(kind)
    lines = []
    for issue in error.errors():
        # Texts in the place of a union's mistake name its members.
        place = [str(part) for part in issue["loc"] if named or not isinstance(part, str)]
        name = ".".join([key, *place])
        if issue["type"] == "unexpected_keyword_argument" and dataclasses.is_dataclass(tables):
            parent = name.rpartition(".")[0]
            lines.append(
                str(unknown_name("key", name, [f"{parent}.{field.name}" for field in dataclasses.fields(tables)]))
            )
        else:
            lines.append(sentence(issue, name))
    return list(dict.fromkeys(lines))


def _tables(kind: Any) -> Any:
    """Return the type of a table, also of each in a list of tables."""
    return typing.get_args(kind)[0] if typing.get_origin(kind) is list else kind
