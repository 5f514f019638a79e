"""Public names: each is documented, and those that documents mention exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "vqspeech").rglob("*.py"))
}
# The changelog also mentions what is no longer there.
DOCUMENTS = sorted(
    [*{*ROOT.glob("*.md")} - {ROOT / "CHANGELOG.md"}, *ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/**/*.md")]
)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def is_overload(node: ast.AST) -> bool:
    return any(ast.unparse(one).endswith("overload") for one in getattr(node, "decorator_list", ()))


def definitions(node: ast.AST, path: str) -> Iterator[tuple[str, Definition]]:
    """Public classes, functions and methods of a module, by dotted name."""
    for one in ast.iter_child_nodes(node):
        if isinstance(one, Definition) and not one.name.startswith("_") and not is_overload(one):
            yield f"{path}.{one.name}", one
            if isinstance(one, ast.ClassDef):
                yield from definitions(one, f"{path}.{one.name}")


def members(node: ast.AST, path: str) -> Iterator[str]:
    """Names that can be read from a module or class: defined, assigned or imported there."""
    for one in ast.walk(node) if isinstance(node, ast.Module) else ast.iter_child_nodes(node):
        if isinstance(one, Definition):
            yield f"{path}.{one.name}"
            if isinstance(one, ast.ClassDef) and isinstance(node, ast.Module):
                yield from members(one, f"{path}.{one.name}")
                yield from (f"{path}.{one.name}.{name}" for name in attributes(one))
        elif isinstance(one, ast.ImportFrom | ast.Import):
            yield from (f"{path}.{alias.asname or alias.name}" for alias in one.names)
        elif isinstance(one, ast.Assign | ast.AnnAssign):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            yield from (f"{path}.{name.id}" for name in targets if isinstance(name, ast.Name))


def attributes(node: ast.ClassDef) -> Iterator[str]:
    """Attributes that methods of a class assign."""
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store) and ast.unparse(one.value) == "self":
            yield one.attr


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def test_every_public_module_class_function_and_method_is_documented(trees):
    undocumented = [name for name, tree in trees.items() if not ast.get_docstring(tree)]
    for name, tree in trees.items():
        undocumented += [path for path, one in definitions(tree, name) if not ast.get_docstring(one)]
    assert undocumented == []


def test_names_in_documents_exist(trees):
    known = set(trees)
    for name, tree in trees.items():
        known |= set(members(tree, name))
    unknown = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in DOCUMENTS
        for name in re.findall(r"`(vqspeech(?:\.\w+)+)(?:\(\))?`", path.read_text(encoding="utf-8"))
        if name not in known
    ]
    assert unknown == []
