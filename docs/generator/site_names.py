"""Pages about every public name of vqspeech, read from its source without importing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import griffe
from site_docstrings import markdown

FOLDER = "reference/names"
"""Folder of the pages in the site; a page per package, named after it."""

WIDTH = 100
"""Longest signature on one line."""


@dataclass(frozen=True)
class Name:
    """A public name.

    Parameters
    ----------
    path : dotted name, as in ``vqspeech.nn.perturb.perturbed_bands``
    page : the page that describes it, relative to the site
    node : what griffe read
    """

    path: str
    page: str
    node: Any

    @property
    def address(self) -> str:
        """Page and anchor."""
        return f"{self.page}#{self.path}"


class Names:
    """All public names of the package in a folder."""

    def __init__(self, root: Path) -> None:
        self.package = griffe.load("vqspeech", search_paths=[root])
        self.known = {name.path: name for name in _public(self.package, f"{FOLDER}/vqspeech.md")}

    def find(self, text: str, scope: str = "") -> str | None:
        """Return the address of a name as documents and docstrings write it, or None.

        Parameters
        ----------
        text : a dotted name, which may end in ``()``
        scope : dotted name of the module or class whose docstring has it; names may be relative to it
        """
        text = text.removesuffix("()")
        while scope:
            if found := self.known.get(f"{scope}.{text}"):
                return found.address
            scope = scope.rpartition(".")[0]
        if found := self.known.get(text):
            return found.address
        return self._exported(text)

    def _exported(self, text: str) -> str | None:
        """Return the address of a name that a package exports from one of its modules."""
        if not text.startswith("vqspeech."):
            return None
        try:
            node = self.package[text.removeprefix("vqspeech.")]
            found = self.known.get(node.final_target.path if node.is_alias else node.path)
        except (KeyError, griffe.AliasResolutionError, griffe.CyclicAliasError):
            return None
        return found.address if found else None

    def pages(self) -> dict[str, str]:
        """Return all pages: place in the site -> Markdown."""
        packages = [name for name in self.known.values() if name.node.is_module and _is_package(name.node)]
        pages = {name.page: self._page(name) for name in packages}
        rows = [f"| [`{name.path}`]({Path(name.page).name}) | {self._first(name)} |" for name in packages]
        pages[f"{FOLDER}/index.md"] = "\n".join(
            [
                "# Every public name",
                "",
                "Names without a leading underscore, from the source. Those of the package itself load on first use:",
                "",
                *(f"- [`vqspeech.{name}`]({_below(address)})" for name, address in self._top()),
                "",
                "| package | |",
                "|---|---|",
                *rows,
                "",
            ]
        )
        return pages

    def _top(self) -> Iterator[tuple[str, str]]:
        targets = self.package["_PUBLIC"].value
        for key, value in zip(targets.keys, targets.values, strict=True):
            address = self.find(str(value).strip("'\"").replace(":", "."))
            if address:
                yield str(key).strip("'\""), address

    def _first(self, name: Name) -> str:
        text = name.node.docstring.value if name.node.docstring else ""
        return markdown(text.partition("\n\n")[0], lambda code: None).strip().replace("\n", " ")

    def _page(self, package: Name) -> str:
        parts = [f"# {package.path} {{ #{package.path} }}", self._prose(package)]
        below = [name for name in self.known.values() if name.page == package.page and name is not package]
        for name in below:
            level = "##" if name.node.is_module else "###" if name.node.parent.is_module else "####"
            title = name.path if name.node.is_module else name.path.removeprefix(_module(name.node).path + ".")
            parts += [f"{level} {title} {{ #{name.path} }}", _signature(name.node), self._prose(name)]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _prose(self, name: Name) -> str:
        if not name.node.docstring:
            return ""
        scope = name.path if name.node.is_module or name.node.is_class else name.node.parent.path

        def link(code: str) -> str | None:
            address = self.find(code, scope)
            return _below(address) if address else None

        return markdown(name.node.docstring.value, link).rstrip()


def _public(node: Any, page: str) -> Iterator[Name]:
    """Yield a module or class and its public names; constants only where they are documented."""
    if node.is_module and _is_package(node):
        page = f"{FOLDER}/{node.path}.md"
    yield Name(node.path, page, node)
    members = [member for key, member in node.members.items() if not key.startswith("_") and not member.is_alias]
    for member in sorted(members, key=lambda one: (one.is_module and _is_package(one), one.is_module * one.name)):
        if member.is_module or member.is_class:
            yield from _public(member, page)
        elif member.is_function or member.docstring:
            yield Name(member.path, page, member)


def _is_package(module: Any) -> bool:
    return module.filepath.name == "__init__.py"


def _module(node: Any) -> Any:
    return node if node.is_module else _module(node.parent)


def _below(address: str) -> str:
    return address.removeprefix(f"{FOLDER}/")


def _signature(node: Any) -> str:
    """Return the definition of a name as a block of code; empty for a module."""
    if node.is_module:
        return ""
    if node.is_attribute:
        shown = f"{node.name}: {node.annotation}" if node.annotation else node.name
        value = f" = {node.value}" if node.value is not None and len(str(node.value)) <= WIDTH else ""
        return f"```python\n{shown}{value}\n```"
    definition = f"class {node.name}" if node.is_class else f"def {node.name}"
    parameters = [one for one in node.parameters if one.name not in ("self", "cls")]
    if not node.is_class:
        return f"```python\n{_listed(definition, parameters, f' -> {node.returns}' if node.returns else '')}\n```"
    bases = f"({', '.join(map(str, node.bases))})" if node.bases else ""
    call = f"\n\n{_listed(node.name, parameters, '')}" if parameters else ""
    return f"```python\n{definition}{bases}{call}\n```"


def _listed(definition: str, parameters: list[Any], returns: str) -> str:
    """Return a signature, with a line per parameter where one line would be too long."""
    shown, starred = [], False
    for one in parameters:
        kind = one.kind.name
        if kind == "keyword_only" and not starred:
            shown.append("*")
            starred = True
        starred = starred or kind == "var_positional"
        star = {"var_positional": "*", "var_keyword": "**"}.get(kind, "")
        text = f"{star}{one.name}" + (f": {one.annotation}" if one.annotation else "")
        plain = one.default is None or star
        shown.append(text if plain else f"{text} = {one.default}" if one.annotation else f"{text}={one.default}")
    line = f"{definition}({', '.join(shown)}){returns}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{definition}(", *(f"    {one}," for one in shown), f"){returns}"])
