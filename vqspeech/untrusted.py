"""Values from files that may come from strangers: checked before they are used, and escaped before they are printed."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

from vqspeech.errors import InputError

MOST = 2**31 - 1
"""Largest whole number of a file, unless a check says otherwise."""

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_BIDI}\ud800-\udfff]")
_UNSAFE_IN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_BIDI}\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)


def printable(text: object) -> str:
    r"""Return a text as one line: control, direction and line-breaking characters become escapes such as ``\u001b``."""
    return _UNSAFE.sub(_escaped, str(text))


def printable_lines(text: str) -> str:
    """Return a text as `printable` does, with its line feeds and tabs."""
    return _UNSAFE_IN_LINES.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    # The escape of JSON, so that JSON stays JSON.
    return f"\\u{ord(found[0]):04x}"


def is_distribution(name: str) -> bool:
    """Return whether a text is a valid name of a distribution, which may be advised for ``pip install``."""
    return len(name) <= 100 and _DISTRIBUTION.fullmatch(name) is not None


def is_file_name(text: str) -> bool:
    """Return whether a text names a file in a folder, and not a folder or a file elsewhere."""
    return bool(text) and text not in (".", "..") and not set(text) & {"/", "\\", "\0"}


def json_object(content: str | bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises
    ------
    ValueError : for other content, also for nesting beyond the limits of Python, and whole numbers beyond floats
    """
    try:
        value = json.loads(content, parse_int=_within_floats)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return table(value, "it")


def _within_floats(digits: str) -> int:
    if len(digits) > sys.float_info.max_10_exp:
        raise ValueError(f"it has a whole number of {len(digits)} digits")
    return int(digits)


def environment_number(name: str, default: int, least: int = 0) -> int:
    """Return a whole number of an environment variable, `default` without it.

    Raises
    ------
    InputError : for another value
    """
    given = os.environ.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdecimal() and len(given) < 10 and int(given) >= least):
        raise InputError(f"the environment variable {name} is {given!r}; a whole number of at least {least}")
    return int(given)


def table(value: Any, name: str) -> dict[str, Any]:
    """Return a JSON object; raise ValueError for another value. `name` is its name in messages."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {_shown(value)}, not an object")
    return value


def items(value: Any, name: str) -> list[Any]:
    """Return a JSON array; raise ValueError for another value."""
    if not isinstance(value, list):
        raise ValueError(f"{name} is {_shown(value)}, not a list")
    return value


def text(value: Any, name: str) -> str:
    """Return a text; raise ValueError for another value, or one that is not Unicode."""
    if not isinstance(value, str) or (not value.isascii() and _SURROGATE.search(value)):
        raise ValueError(f"{name} is {_shown(value)}, not a text")
    return value


def texts(value: Any, name: str) -> tuple[str, ...]:
    """Return the texts of a JSON array; raise ValueError for other values."""
    return tuple(text(one, f"{name}[{number}]") for number, one in enumerate(items(value, name)))


def whole(value: Any, name: str, least: int = 0, most: int = MOST) -> int:
    """Return a whole number from `least` to `most`; raise ValueError for another value."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} is {_shown(value)}, not a whole number from {least} to {most}")
    return value


def wholes(value: Any, name: str, least: int = 0, most: int = MOST) -> tuple[int, ...]:
    """Return the whole numbers of a JSON array; raise ValueError for other values."""
    return tuple(whole(one, f"{name}[{number}]", least, most) for number, one in enumerate(items(value, name)))


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    try:
        shown = repr(value)
    except ValueError:
        # An integer of more digits than Python converts.
        shown = "a number of thousands of digits"
    return printable(shown if len(shown) <= 60 else f"{shown[:60]}...")
