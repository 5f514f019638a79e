"""Faults of configurations: sentences about them, and one error for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from vqspeech.errors import ConfigError, InputError

UNUSABLE = "unusable"
"""Type of pydantic's mistakes that stand for a `ConfigError` of a dataclass."""

HEAD = "unusable value in the configuration: "
"""Start of the messages of `vqspeech.config.require`."""

BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
"""Bounds of annotated types, in words."""


class Faults:
    """Errors of the parts of a configuration, which are raised as one."""

    def __init__(self) -> None:
        self.errors: list[InputError] = []

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Keep an error of the block for later."""
        try:
            yield
        except InputError as error:
            if str(error) not in map(str, self.errors):
                self.errors.append(error)

    def reraise(self) -> None:
        """Raise the only error as it is, and several as one `ConfigError` with all messages; nothing without any."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise ConfigError(" ".join(f"{error}".removesuffix(".") + "." for error in self.errors))


def require_all(*rules: tuple[bool, str]) -> None:
    """Raise one `ConfigError` with the messages of all rules that do not hold.

    Parameters
    ----------
    rules : condition and message of each
    """
    broken = [message for holds, message in rules if not holds]
    if broken:
        raise ConfigError(HEAD + ". ".join(broken))


def bounds(hint: Any) -> tuple[str, ...]:
    """Return the bounds of an annotated type in words, for example ``("at least 0", "below 1")``."""
    from annotated_types import GroupedMetadata

    found = []
    for one in getattr(hint, "__metadata__", ()):
        for bound in one if isinstance(one, GroupedMetadata) else (one,):
            found += [
                f"{word} {_number(getattr(bound, name))}" for name, word in BOUNDS.items() if hasattr(bound, name)
            ]
    return tuple(found)


def _number(value: Any) -> str:
    return str(int(value)) if value == int(value) else str(value)


def sentence(issue: Mapping[str, Any], key: str) -> str:
    """Return what is wrong with a value, from a mistake that pydantic found.

    Parameters
    ----------
    issue : an item of ``ValidationError.errors()``
    key : dotted name of the value
    """
    context = issue.get("ctx") or {}
    if issue["type"] == UNUSABLE:
        return f"{context['reason']}."
    for name, word in BOUNDS.items():
        if name in context and issue["type"].startswith(("greater_than", "less_than")):
            return f"{key} = {issue['input']!r}; {word} {_number(context[name])}."
    return f"{key} = {issue['input']!r}: {issue['msg']}."


def without(values: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return nested tables without the keys of these dotted names."""
    dropped = set(keys)
    rest: dict[str, Any] = {}
    for key, value in values.items():
        if key not in dropped:
            below = [name.removeprefix(f"{key}.") for name in dropped if name.startswith(f"{key}.")]
            rest[key] = without(value, below) if below and isinstance(value, Mapping) else value
    return rest
