"""The page about the command line, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from vqspeech.cli.main import build
from vqspeech.registry import host, lookup

HEAD = """# Command line

Each command prints this with `--help`. Exit codes: 0 done, 1 failed work, 2 unusable input, 130 interrupted.
Errors are one paragraph on stderr; `--json` prints output for programs.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Yield the built-in commands with their groups' commands: name as typed, command."""
    for entry in host.current().builtin_entries("command"):
        command = build(entry.spec.name, lookup.resolve(entry), entry.spec.summary)
        yield from _below(entry.spec.name, command)


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for key, one in getattr(command, "commands", {}).items():
        yield from _below(f"{name} {key}", one)


def page() -> str:
    """Return the page as Markdown."""
    return "\n\n".join([HEAD.strip(), *(_section(name, command) for name, command in commands())]) + "\n"


def _section(name: str, command: Any) -> str:
    level = "##" if " " not in name else "###"
    context = typer.Context(command, info_name=f"vqspeech {name}")
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    parts = [f"{level} vqspeech {name}", f"```text\n{usage}\n```", _prose(command.help or "")]
    if below := list(getattr(command, "commands", {})):
        anchors = [f"[`{one}`](#vqspeech-{name.replace(' ', '-')}-{one.lower()})" for one in below]
        parts.append(f"Commands: {', '.join(anchors)}.")
    for kind in ("argument", "option"):
        records = [one.get_help_record(context) for one in command.params if one.param_type_name == kind]
        if rows := [record for record in records if record and record[1]]:
            parts.append(_table(kind, rows))
    return "\n\n".join(part for part in parts if part)


def _prose(text: str) -> str:
    """Return help as paragraphs, whose line ends and signs are kept."""
    return _escaped(text.replace("\b", "").strip())


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| `{name}` | {_escaped(' '.join(text.split()))} |" for name, text in rows]
    return "\n".join([f"| {title} | |", "|---|---|", *lines])


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", r"\*").replace("[", r"\[").replace("|", r"\|")
