"""Docstrings as Markdown: sections of ``name : text`` become lists, names of vqspeech become links."""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import cleandoc

SECTIONS = ("Parameters", "Returns", "Yields", "Raises", "Attributes", "Examples", "Notes", "References", "See Also")
"""Headings of numpydoc that docstrings use, each underlined."""

_HEADING = re.compile(rf"^({'|'.join(SECTIONS)})\n-+$", re.MULTILINE)
_CODE = re.compile(r"(`[^`\n]+(?:\n[^`\n]+)?`)")


def markdown(docstring: str, link: Callable[[str], str | None]) -> str:
    """Convert a docstring to Markdown.

    Parameters
    ----------
    docstring : text with sections as in numpydoc, and items as ``name : text``
    link : gives the address of a name in back quotes, or None

    Returns
    -------
    Markdown without headings
    """
    prose, *sections = _HEADING.split(cleandoc(docstring))
    parts = [_text(prose, link)]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        parts += [f"**{title}**", _items(body, link) if title not in ("Examples", "Notes") else _text(body, link)]
    return "\n\n".join(part for part in parts if part) + "\n"


def inline(text: str, link: Callable[[str], str | None]) -> str:
    """Convert running text: code in one back quote, linked where its name is known; other signs as they are."""
    parts = _CODE.split(text.replace("``", "`"))
    return "".join(_linked(part, link) if number % 2 else _escaped(part) for number, part in enumerate(parts))


def _linked(code: str, link: Callable[[str], str | None]) -> str:
    address = link(" ".join(code.strip("`").split()))
    return f"[{code}]({address})" if address else code


def _escaped(text: str) -> str:
    return re.sub(r"([*_<\[\]|])", r"\\\1", text)


def _text(text: str, link: Callable[[str], str | None]) -> str:
    """Convert paragraphs; indented ones and sessions of Python stay as they are, as code."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        if paragraph.startswith(">>>"):
            parts.append(f"```pycon\n{paragraph}\n```")
        elif paragraph.startswith("    "):
            parts.append(paragraph)
        else:
            parts.append(re.sub(r":`?:$", ":", inline(paragraph, link)))
    return "\n\n".join(parts)


def _items(body: str, link: Callable[[str], str | None]) -> str:
    """Convert the items of a section to a list; text without names to a paragraph."""
    lines = re.sub(r"\n\s+", " ", body.strip("\n")).splitlines()
    return "\n".join(f"- {_item(line, link)}" for line in lines if line.strip())


def _item(line: str, link: Callable[[str], str | None]) -> str:
    names, colon, text = line.partition(" : ")
    if not colon:
        return inline(line, link)
    return f"{', '.join(f'`{name.strip()}`' for name in names.split(','))}: {inline(text, link)}"
