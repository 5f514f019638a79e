"""Documents of the repository as pages of the site: their places, links between them, names in them."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path

SITE_HOME = "index.md"

_FENCED = re.compile(r"^(?P<fence>```+|~~~+).*?^(?P=fence)[ \t]*$\n?", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?P<head>!?\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\])\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"(?<![`\[])`(?P<name>vqspeech(?:\.\w+)+(?:\(\))?)`(?![`\]])")
_LIST = re.compile(r"^(?:[-*+]|\d+\.) ")


def outside(root: Path) -> dict[str, str]:
    """Return the documents outside docs/ that are pages: path in the repository -> place in the site."""
    pages = {"README.md": SITE_HOME, "docs/README.md": SITE_HOME}
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/RESULTS.md", "recipes/README.md"):
        pages[name] = f"project/{name.replace('/', '-').lower()}"
    for path in sorted([*root.glob("recipes/vqspeech_recipes/*/*.md"), *root.glob("plugins/*/*.md")]):
        where = path.relative_to(root)
        name = f"{path.parent.name.removeprefix('vqspeech-')}-{path.stem.lower()}.md"
        pages[where.as_posix()] = f"{where.parts[0]}-pages/{name}"
    return {name: place for name, place in pages.items() if (root / name).exists()}


def place(repository_path: str, pages: dict[str, str]) -> str | None:
    """Return the place in the site of a file of the repository, or None when the site does not have it."""
    if repository_path in pages:
        return pages[repository_path]
    if repository_path == "examples":
        return "tutorials/examples.md"
    if repository_path.startswith("docs/"):
        return repository_path.removeprefix("docs/")
    return None


def rewritten(text: str, origin: str, site_place: str, pages: dict[str, str]) -> str:
    """Return a document with links for its place in the site.

    Parameters
    ----------
    text : Markdown
    origin : path of the document in the repository
    site_place : its place in the site
    pages : result of `outside`

    Returns
    -------
    Markdown whose links to files that the site does not have are plain text
    """

    def link(match: re.Match[str]) -> str:
        target, hash_sign, anchor = match["target"].partition("#")
        if re.match(r"\w+:", target) or not target:
            return match[0]
        there = place(posixpath.normpath(posixpath.join(posixpath.dirname(origin), target)), pages)
        if there is None:
            return match["text"]
        return f"{match['head']}({relative(there, site_place)}{hash_sign}{anchor})"

    return outside_of_code(text, lambda part: _LINK.sub(link, part))


def linked(text: str, site_place: str, find: Callable[[str], str | None]) -> str:
    """Return a document in which names of vqspeech in back quotes link to their reference.

    Parameters
    ----------
    text : Markdown
    site_place : place of the page in the site
    find : gives the address of a name, or None
    """

    def name(match: re.Match[str]) -> str:
        address = find(match["name"])
        return f"[{match[0]}]({relative(address, site_place)})" if address else match[0]

    return outside_of_code(text, lambda part: _CODE.sub(name, part))


def relative(target: str, page: str) -> str:
    """Return a link from a page to a place in the site."""
    return os.path.relpath(target, posixpath.dirname(page) or ".").replace(os.sep, "/")


def spaced(text: str) -> str:
    """Insert the empty lines before lists and tables that Python-Markdown needs and GitHub does not."""

    def lines(part: str) -> str:
        result: list[str] = []
        for line in part.splitlines(keepends=True):
            before = result[-1] if result else "\n"
            plain = before.strip() and not before.startswith((" ", "|", "#")) and not _LIST.match(before)
            starts = _LIST.match(line) or (line.startswith("|") and not before.startswith("|"))
            inside = any(_LIST.match(one) for one in _paragraph(result))
            if plain and starts and not inside:
                result.append("\n")
            result.append(line)
        return "".join(result)

    return outside_of_code(text, lines)


def _paragraph(lines: list[str]) -> Iterator[str]:
    """Yield the lines since the last empty one, the newest first."""
    for line in reversed(lines):
        if not line.strip():
            return
        yield line


def outside_of_code(text: str, change: Callable[[str], str]) -> str:
    """Apply a change to the parts of a document outside fenced code."""
    parts, end = [], 0
    for match in _FENCED.finditer(text):
        parts += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, change(text[end:])])
