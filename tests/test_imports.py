"""Imports run one way; modules are read, not imported, so that imports inside functions count as well."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import vqspeech

ROOT = Path(__file__).parents[1]

BASE = {
    "audio",
    "claims",
    "codes",
    "codes_parquet",
    "config",
    "errors",
    "files",
    "local_page",
    "names",
    "progress",
    "temporary",
    "untrusted",
}
"""Modules at the bottom; they import each other and nothing else of vqspeech."""

MODEL = BASE | {
    "alignment",
    "checkpoints",
    "kernels",
    "modality",
    "model",
    "nn",
    "parts",
    "registry",
    "runs",
    "speech",
}
WORK = {
    "analysis",
    "bitstream",
    "codec",
    "conversion",
    "encoding",
    "generation",
    "live",
    "training",
    "sampling",
    "corpora",
    "publishing",
    "units",
    "voices",
}

ALLOWED: dict[str, set[str]] = {
    **dict.fromkeys(BASE, BASE),
    # vqspeech/__init__.py: its names are strings, loaded on use; the imports are for type checkers
    "": {"registry", "api", "conversion", "corpora", *BASE},
    "api": MODEL | WORK | {"api"},
    "alignment": BASE | {"alignment"},
    "kernels": {"kernels"},
    "nn": {"nn", "kernels", "config", "errors"},
    "registry": BASE | {"registry"},
    "parts": BASE | {"registry", "nn", "parts"},
    "speech": {"nn", "speech"},
    "modality": BASE | {"registry", "modality"},
    "runs": BASE | {"registry", "modality", "runs"},
    "checkpoints": BASE | {"registry", "modality", "runs", "checkpoints"},
    "model": MODEL,
    **dict.fromkeys(WORK, MODEL | WORK),
    "analysis": MODEL | WORK | {"report"},
    "presets": {"presets", *BASE},
    "report": BASE | {"report"},
    "experiments": MODEL | WORK | {"report", "experiments"},
    "scaffold": BASE | {"registry", "scaffold"},
    "studio": MODEL | WORK | {"studio"},
    "testing": MODEL | WORK | {"testing", "presets"},
    "cli": MODEL | WORK | {"report", "experiments", "presets", "testing", "scaffold", "studio", "cli"},
    "__main__": {"cli"},
    "recipes": MODEL | WORK | {"report", "experiments", "presets", "recipes"},
}
"""Part of vqspeech, or ``recipes``, -> the parts it may import. Nothing in vqspeech imports a recipe."""


def modules() -> Iterator[tuple[str, Path]]:
    """Every module's dotted name and file."""
    for folder in (ROOT / "vqspeech", ROOT / "recipes" / "vqspeech_recipes"):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__"), path


MODULES = dict(modules())


def part_of(name: str) -> str:
    """The part of a dotted name: ``vqspeech.nn.quantize`` is in ``nn``, ``vqspeech_recipes.vctk`` in ``recipes``."""
    top, *below = name.split(".")
    return "recipes" if top == "vqspeech_recipes" else [*below, ""][0]


def imports(name: str, tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Every imported dotted name with its statement; ``from vqspeech import nn`` gives ``vqspeech.nn``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name.split(".") if MODULES[name].name == "__init__.py" else name.split(".")[:-1]
                base = ".".join(package[: len(package) - node.level + 1] + ([base] if base else []))
            for alias in node.names:
                yield node, f"{base}.{alias.name}"


@functools.cache
def parsed(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_one_way(name):
    here = part_of(name)
    assert here in ALLOWED, f"{name}: say in ALLOWED what {here!r} may import"
    for node, imported in imports(name, parsed(name)):
        if imported.split(".")[0] not in ("vqspeech", "vqspeech_recipes"):
            continue
        there = part_of(imported)
        if there.startswith("__") or there in vqspeech.__all__:
            continue
        assert there in ALLOWED[here] | {""}, f"{name}, line {node.lineno}: {here!r} must not import {imported}"


@pytest.mark.parametrize("name", MODULES)
def test_no_module_imports_torchaudio_when_it_is_imported(name):
    """The pair of torch and torchaudio can fail to load; only what needs it may notice (DESIGN, decision 1)."""
    tree = parsed(name)
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _type_checking(node)
        for child in ast.walk(node)
    }
    for node, imported in imports(name, tree):
        assert imported.split(".")[0] != "torchaudio" or id(node) in inside, f"{name}, line {node.lineno}"


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_named_after_what_it_holds(name):
    assert name.rpartition(".")[2] not in ("utils", "util", "helpers", "helper", "misc", "common")


def test_nn_knows_no_files_and_no_names():
    for name in MODULES:
        if part_of(name) == "nn":
            for node, imported in imports(name, parsed(name)):
                top = imported.split(".")[0]
                assert top not in ("pathlib", "logging", "typer", "rich", "soundfile"), (
                    f"{name}, line {node.lineno}: {imported}"
                )


def imported_modules(name: str) -> set[str]:
    """Modules of this repository that a module imports, at its top, in functions, or for type checking only."""
    # Its names are loaded on use, and imported for type checkers only.
    if name == "vqspeech":
        return set()
    found = set()
    for _, imported in imports(name, parsed(name)):
        while imported and imported not in MODULES:
            imported = imported.rpartition(".")[0]
        found.add(imported)
    return found - {"", name}


def circles() -> set[frozenset[str]]:
    """Sets of modules that import each other, directly or indirectly (Tarjan 1972, strongly connected components)."""
    graph = {name: imported_modules(name) for name in MODULES}
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: set[frozenset[str]] = set()

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            at = stack.index(name)
            if len(stack) - at > 1:
                found.add(frozenset(stack[at:]))
            del stack[at:]

    for name in sorted(graph):
        if name not in order:
            visit(name)
    return found


def test_no_modules_import_each_other_in_a_circle():
    assert circles() == set()
