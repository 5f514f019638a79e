"""Write the hook reference, docs/plugins/hooks.md, from the specs: ``python -m vqspeech.registry.reference > docs/plugins/hooks.md``."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import get_args

from vqspeech.registry.hookspecs import HOOKS, Hooks
from vqspeech.registry.host import SPEC_OF_KIND
from vqspeech.registry.specs import API_VERSIONS, Media, Spec

_HEAD = """# Hooks

Generated from `vqspeech.registry` by `python -m vqspeech.registry.reference > docs/plugins/hooks.md`; a test compares it with the code.

A plugin's module marks functions with `@vqspeech.hookimpl`. Each hook takes no arguments and returns a list of frozen specs, imported from
`vqspeech.registry.specs`. A hook that this version does not know is reported by `vqspeech plugins doctor` and otherwise ignored, so a plugin may
serve several versions.
"""


def reference() -> str:
    """The page as Markdown."""
    apis = ", ".join(map(str, sorted(API_VERSIONS)))
    parts = [_HEAD, "## All specs\n", _prose(Spec), _fields(Spec, ()), f"This version understands api {apis}.\n"]
    for kind, hook in HOOKS.items():
        spec = SPEC_OF_KIND[kind]
        says = inspect.getdoc(getattr(Hooks, hook)) or ""
        own = _fields(spec, tuple(field.name for field in dataclasses.fields(Spec)))
        parts += [f"## `{hook}()`\n", f"{_code(says)} Returns `{spec.__name__}` objects.\n", _prose(spec), own]
    return "\n".join(part for part in parts if part)


def _sections(spec: type[Spec]) -> tuple[str, dict[str, str]]:
    """The docstring as prose, and its section Parameters as name -> text."""
    prose, _, section = (inspect.getdoc(spec) or "").partition("\nParameters\n----------\n")
    meaning: dict[str, str] = {}
    for line in section.splitlines():
        match = re.match(r"(\w+(?:, \w+)*) : (.*)", line)
        if match:
            meaning |= dict.fromkeys(match.group(1).split(", "), match.group(2))
    return prose.strip(), meaning


def _prose(spec: type[Spec]) -> str:
    return _code(" ".join(_sections(spec)[0].split())) + "\n"


def _fields(spec: type[Spec], inherited: tuple[str, ...]) -> str:
    meaning = _sections(spec)[1]
    rows = [
        f"| `{field.name}` | `{_type(field)}`{_default(field)} | {_code(meaning.get(field.name, ''))} |"
        for field in dataclasses.fields(spec)
        if field.name not in inherited
    ]
    return "\n".join(["| field | type | |", "|---|---|---|", *rows, ""]) if rows else ""


def _type(field: dataclasses.Field[object]) -> str:
    if field.type == "Media":
        return " or ".join(map(repr, get_args(Media)))
    return str(field.type).replace(" | ", " or ")


def _default(field: dataclasses.Field[object]) -> str:
    return "" if field.default is dataclasses.MISSING else f" = `{field.default!r}`"


def _code(text: str) -> str:
    """Docstrings' double back quotes as Markdown's single ones."""
    return text.replace("``", "`")


if __name__ == "__main__":
    print(reference(), end="")
