"""A strip of codes as SVG: spans of equal codes on the time axis of a sound, each code in its shade."""

from __future__ import annotations

from colorsys import hls_to_rgb
from dataclasses import dataclass
from itertools import groupby

from vqspeech.report.elements import CodeStrip

BOOKS = 4
"""Most codebooks of a strip that are drawn."""

DENSE = 150
"""Frames from which spans are drawn without gaps, which would be as wide as they are on a card."""


@dataclass(frozen=True, kw_only=True)
class DrawnStrip:
    """What the page shows of a strip.

    Parameters
    ----------
    paths : colour and SVG path of the spans of that colour, in units of frames and codebooks
    rows : number of codebooks drawn
    frames : duration of the sound in frames
    is_dense : whether spans are drawn without gaps
    values : codes of each drawn codebook, separated by spaces; codebooks by commas
    summary : the strip in words
    """

    paths: tuple[tuple[str, str], ...]
    rows: int
    frames: float
    is_dense: bool
    values: str
    summary: str


def draw_strip(strip: CodeStrip) -> DrawnStrip:
    """Return the drawing of a strip of codes."""
    shown = strip.codes[:BOOKS]
    by_colour: dict[str, list[str]] = {}
    for book, row in enumerate(shown):
        start = 0
        for code, span in groupby(row):
            length = len(list(span))
            by_colour.setdefault(shade(code), []).append(f"M{start} {book}h{length}v1h-{length}z")
            start += length
    return DrawnStrip(
        paths=tuple((colour, "".join(spans)) for colour, spans in by_colour.items()),
        rows=len(shown),
        frames=strip.frames,
        is_dense=strip.frames > DENSE,
        values=",".join(" ".join(map(str, row)) for row in shown),
        summary=_summary(strip),
    )


def shade(code: int) -> str:
    """Return the colour of a code: a light one, far from those of its neighbours by the golden angle.

    The page of `vqspeech studio` has the same colours.
    """
    red, green, blue = hls_to_rgb(code * 137.5 % 360 / 360, 0.78, 0.45)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def _summary(strip: CodeStrip) -> str:
    count, books = len(strip.codes[0]), len(strip.codes)
    different = len(set(strip.codes[0]))
    text = f"{count} codes, {different} of them different"
    if books == 1:
        return text
    drawn = "" if books <= BOOKS else f", the first {BOOKS} drawn"
    return f"{books} codebooks{drawn}; the first: {text}"
