"""A figure whose texts are drawn as they are written: labels of files may hold ``$`` and ``^``."""

from __future__ import annotations

from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text


class LiteralFigure(Figure):
    """A figure without mathematical text, in which ``$x^$`` is four characters and no broken formula."""

    def draw(self, renderer: Any) -> None:
        """Draw every text literally, also those of ticks that are made while drawing."""
        for text in self.findobj(Text):
            text.set_parse_math(False)
        with rc_context({"text.parse_math": False}):
            super().draw(renderer)
