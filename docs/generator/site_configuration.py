"""The page about the configuration, from its dataclasses and from the options of the built-in parts."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

from vqspeech.config import CorpusConfig, ModelConfig, RunConfig, TrainConfig
from vqspeech.config.faults import bounds
from vqspeech.registry import contracts, host
from vqspeech.registry.options import REQUIRED

HEAD = """# Every key of a configuration

Types, defaults and bounds of all keys, read from the code; [Configuration](../configuration.md) explains them.
`vqspeech plugins show NAME` prints the options of a part, those of plugins included.
"""

TABLES = (("", RunConfig), ("corpus", CorpusConfig), ("train", TrainConfig), ("model", ModelConfig))
"""Tables of a run with the dataclasses that define their keys."""

PARTS = {
    "encoder": "model.encoder",
    "quantizer": "model.quantizer",
    "decoder": "model.decoder",
    "prior": "model",
    "corpus": "corpus.options",
}
"""Kinds of parts with options, and the table that holds them."""


def page() -> str:
    """Return the page as Markdown."""
    parts = [HEAD.strip()]
    for table, kind in TABLES:
        parts += [_section(name, one) for name, one in _nested(table, kind)]
    for kind, table in PARTS.items():
        parts.append(f"## Options of `[{table}]`, {kind}")
        for entry in host.current().builtin_entries(kind):
            parts += [f"### {kind} `{entry.spec.name}`", _sentence(entry.spec.summary), _options(entry)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _nested(table: str, kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield a table and the tables within, where those have a page section of their own nowhere else."""
    yield table, kind
    for name, hint in typing.get_type_hints(kind).items():
        if table and dataclasses.is_dataclass(hint):
            yield from _nested(f"{table}.{name}", hint)


def _section(table: str, kind: Any) -> str:
    title = f"## `[{table}]`" if table else "## At the top"
    return f"{title}\n\n{keys(kind)}"


def keys(kind: Any) -> str:
    """Return a table of the keys of a dataclass."""
    hints = typing.get_type_hints(kind, include_extras=True)
    rows = []
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        rows.append(_row(field.name, hint, default))
    return "\n".join(["| key | type | default | bounds |", "|---|---|---|---|", *rows])


def _options(entry: Any) -> str:
    rows, nested = [], []
    for name, option in contracts.options(entry).declared.items():
        rows.append(_row(name, option.type, option.default))
        if dataclasses.is_dataclass(option.type):
            nested.append(f"Keys of `{name}`:\n\n{keys(option.type)}")
    table = "\n".join(["| option | type | default | bounds |", "|---|---|---|---|", *rows]) if rows else ""
    return "\n\n".join([table or "No options.", *nested])


def _row(name: str, hint: Any, default: Any) -> str:
    cells = [f"`{name}`", f"`{_type(hint)}`", _default(default), ", ".join(bounds(hint))]
    return f"| {' | '.join(cells)} |"


def _default(value: Any) -> str:
    if value is REQUIRED or value is dataclasses.MISSING:
        return "required"
    if dataclasses.is_dataclass(value):
        return "see below"
    return "omitted" if value is None else f"`{value!r}`"


def _type(hint: Any) -> str:
    """Return a type as in the source."""
    if typing.get_origin(hint) is typing.Annotated:
        return _type(typing.get_args(hint)[0])
    if dataclasses.is_dataclass(hint):
        return "table"
    if typing.get_origin(hint) is typing.Literal:
        return " | ".join(repr(value) for value in typing.get_args(hint))
    return hint.__name__ if type(hint) is type else str(hint).replace("typing.", "")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
