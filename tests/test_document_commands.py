"""Shell in the documents: commands, options, extras, files and settings that it names exist."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from typing import Any

import pytest
import typer
from document_blocks import ROOT, inline_lines, shell_lines, vqspeech_commands, words

from vqspeech.cli.main import build
from vqspeech.config import CorpusConfig, ModelConfig, TrainConfig
from vqspeech.errors import UnknownNameError
from vqspeech.registry import lookup
from vqspeech.registry.specs import CommandSpec

TABLES = {"train": TrainConfig, "model": ModelConfig, "corpus": CorpusConfig}
KEYS = {f"{table}.{field.name}" for table, kind in TABLES.items() for field in dataclasses.fields(kind)}
# The class of unknown options, which typer keeps in its own copy of click.
UsageError = typer.BadParameter.__mro__[1]
OF_PLUGINS = {"play"}
"""Commands of distributions that may not be installed."""


def parsed(page: str, command: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
    """The command that words name, and its arguments and options by parameter; fails where it would not take them."""
    name, *rest = command
    try:
        entry = lookup.find(CommandSpec, name)
    except UnknownNameError:
        assert name in OF_PLUGINS, f"unknown command in {page}"
        pytest.skip("the distribution with this command is not installed")
    one = build(name, lookup.resolve(entry), entry.spec.summary)
    context = typer.Context(one, info_name=name)
    while rest and (groups := getattr(one, "commands", None)):
        # A group may have a command without a name, listed in capitals: vqspeech speakers RUN.
        unnamed = [key for key in groups if key.isupper()]
        name = unnamed[0] if unnamed and rest[0] not in set(groups) - set(unnamed) else rest.pop(0)
        one = groups[name]
        context = typer.Context(one, parent=context, info_name=name)
    values, extra, _ = one.make_parser(context).parse_args(args=rest)
    assert extra == [], f"{page}: more arguments than the command has"
    for option in one.params:
        for setting in (values.get(option.name) or ()) if "--set" in option.opts else ():
            table, _, key = setting.partition("=")[0].partition(".")
            assert table not in TABLES or f"{table}.{key.partition('.')[0]}" in KEYS, f"{page}: {setting}"
    return one, values


@pytest.mark.parametrize(("page", "command"), vqspeech_commands(shell_lines()), ids=str)
def test_commands_parse(page, command):
    one, values = parsed(page, command)
    assert not getattr(one, "commands", None), "a group without a command"
    # An option such as --list-devices ends a command before it asks for others.
    done = any(option.is_eager and option.name in values for option in one.params)
    assert done or not [one.name for one in one.params if one.required and values.get(one.name) in (None, ())]


@pytest.mark.parametrize(("page", "command"), vqspeech_commands(inline_lines()), ids=str)
def test_commands_in_sentences_exist_with_their_options(page, command):
    if command[0] not in ("NAME", "--version"):
        parsed(page, command)


@pytest.mark.parametrize(
    "command",
    ["convert RUN a.wav --speakr x", "info RUN more", "train a.toml --set train.stepz=3", "recipe rum", "nonsense"],
)
def test_commands_that_do_not_exist_are_found(command):
    with pytest.raises((AssertionError, KeyError, UsageError)):
        parsed("a page", tuple(command.split()))


def test_extras_that_documents_install_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = set(project["optional-dependencies"])
    named = {
        extra
        for _, line in [*shell_lines(), *inline_lines()]
        for extras in re.findall(r"(?:vqspeech|\.)\[([\w,-]+)\]", line)
        for extra in extras.split(",")
    }
    # `vqspeech-my-vq[dev]` of the pages about plugins is no extra of vqspeech.
    assert named <= known


def test_scripts_that_documents_run_exist_with_their_options():
    for page, line in [*shell_lines(), *inline_lines()]:
        for command in words(line):
            if command[0] == "python" and len(command) > 1 and command[1].endswith(".py"):
                script = ROOT / command[1]
                assert script.exists(), f"{page}: {command[1]}"
                text = script.read_text(encoding="utf-8")
                assert all(word in text for word in command[2:] if word.startswith("--")), f"{page}: {line}"
