"""A report as HTML: the template ``page.html``, rendered by jinja2 with autoescape on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vqspeech.report.assets import Assets
from vqspeech.report.elements import Cell, Report, Table
from vqspeech.report.strip import draw_strip
from vqspeech.untrusted import printable_lines

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

GENERATOR = '<meta name="generator" content="vqspeech">'
"""Marks a page as a report of vqspeech; a folder without it is never replaced."""

WIDE_PIXELS = 800
"""Images at least this wide keep their size on a phone and scroll."""

FILMS = (".mp4", ".webm")
"""Endings of pictures that are shown with a player."""

STRIP_BYTES = 45_000
"""Largest size of a spectrogram below a player."""

_NUMBER = re.compile(
    r"[-+±−]?\d[\d,.]*(?:[eE][-+]?\d+)?(?:\s*(?:±|[-–])\s*\d[\d,.]*)?(?:\s\([-−\d.]+\sto\s[-−\d.]+\))?"
    r"\s*(?:%|dB|dBFS|Hz|s|ms|bit|bits|x|k|M)?|[-–]"
)


def render(report: Report, assets: Assets) -> str:
    """Render a report as HTML; the files that it shows are added to `assets`."""
    template = _environment().get_template("page.html")
    return template.render(report=report, assets=assets, strip_bytes=STRIP_BYTES, wide_pixels=WIDE_PIXELS)


def format_cell(cell: Cell) -> str:
    """Format a cell: a dash for None, thousands separators, three or four digits."""
    if cell is None:
        return "–"
    if isinstance(cell, bool | str):
        return str(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    if cell == 0 or 0.001 <= abs(cell) < 10000:
        decimals = 1 if abs(cell) >= 100 else 2 if abs(cell) >= 10 else 3
        return f"{cell:.{decimals}f}"
    return f"{cell:.3g}"


def columns_for(clips: int) -> int:
    """Return the columns, at most four, in which players fill their rows best: three for five or six."""
    return -(-clips // max(1, -(-clips // 4)))


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("vqspeech.report", ""),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"code": _code, "paragraphs": _paragraphs, "cell": format_cell, "anchor": _anchor}
    environment.tests |= {"film": lambda address: address.endswith(FILMS)}
    environment.globals |= {"right_aligned": _right_aligned, "draw_strip": draw_strip, "columns_for": columns_for}
    return environment


def _shown(value: Any) -> Any:
    """Escape control characters of a text, which names from files may hold."""
    return type(value)(printable_lines(value)) if isinstance(value, str) else value


def _code(text: object) -> Markup:
    """Escape a text, and set words in backquotes as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _right_aligned(table: Table) -> list[bool]:
    """Return which columns hold numbers only."""
    texts = [[format_cell(cell).strip() for cell in row] for row in table.rows]
    return [bool(texts) and all(_NUMBER.fullmatch(row[index]) for row in texts) for index in range(len(table.columns))]
