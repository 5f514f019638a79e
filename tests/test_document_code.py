"""Python and TOML in the documents: what it imports, calls and sets exists. Other pages: test_plugin_docs.py."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import tomllib
from types import ModuleType
from typing import Any

import pytest
from document_blocks import Block, blocks

from vqspeech.config import TrainConfig
from vqspeech.errors import UnknownNameError
from vqspeech.modality import checked
from vqspeech.registry import lookup

GENERATED = "docs/plugins/"
OPTIONAL = {"fastabx", "onnxruntime", "ray"}


def python_blocks() -> list[Block]:
    return [block for block in blocks("python") if not block.page.startswith(GENERATED)]


def imported(tree: ast.Module) -> dict[str, Any]:
    """What a block imports, by name; skips where an optional or a separate distribution is absent."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        for name in modules:
            if name.partition(".")[0] in OPTIONAL or name.startswith("vqspeech_"):
                pytest.importorskip(name.partition(".")[0], reason="another distribution")
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = importlib.import_module(alias.name)
                found[alias.asname or alias.name.partition(".")[0]] = (
                    module if alias.asname else importlib.import_module(alias.name.partition(".")[0])
                )
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            found |= {alias.asname or alias.name: attribute(module, alias.name) for alias in node.names}
    return found


def attribute(module: ModuleType, name: str) -> Any:
    return getattr(module, name) if hasattr(module, name) else importlib.import_module(f"{module.__name__}.{name}")


def called(node: ast.expr, names: dict[str, Any]) -> Any:
    """The function or class of a call whose name leads from an import, else None."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = called(node.value, names)
        # Only modules and classes: the type of a call's result is not known.
        if inspect.ismodule(owner) or inspect.isclass(owner):
            return getattr(owner, node.attr)
    return None


@pytest.mark.parametrize("block", python_blocks(), ids=lambda block: block.title)
def test_python_imports_and_calls_what_exists(block):
    tree = ast.parse(block.text)
    names = imported(tree)
    for node in ast.walk(tree):
        target = called(node.func, names) if isinstance(node, ast.Call) else None
        starred = isinstance(node, ast.Call) and (
            any(isinstance(one, ast.Starred) for one in node.args) or any(one.arg is None for one in node.keywords)
        )
        if target is not None and not starred and str(getattr(target, "__module__", "")).startswith("vqspeech"):
            inspect.signature(target).bind(*node.args, **{one.arg: one.value for one in node.keywords})


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.title)
def test_toml_is_a_configuration_that_can_be_used(block, monkeypatch):
    values = tomllib.loads(block.text)
    if "build-system" in values:
        return
    kinds = [values.get("modality", "audio"), *(["codes"] if 'modality = "codes"' in block.text else [])]
    for kind in kinds:
        try:
            lookup.find("modality", kind)
        except UnknownNameError:
            pytest.skip(f"the distribution with the modality {kind!r} is not installed")
    for name in ("decoders", "priors"):
        for table in values.pop(name, {}).values():
            assert set(table.get("train", {})) <= {field.name for field in dataclasses.fields(TrainConfig)}
    # Another run, and the plugin that a page tells how to write.
    values.get("model", {}).pop("codes_from", None)
    if str(values.get("model", {}).get("name", "")).startswith("my-"):
        return
    if values:
        checked(values)
