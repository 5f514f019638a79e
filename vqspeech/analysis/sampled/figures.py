"""Figures of sampled codes: divergences, durations of phones, and nearest stretches of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vqspeech.analysis.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, empty, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (INK, BLUE, ORANGE, GREEN, PURPLE, SKY, GREY)
"""Colours of the sets, in order; they repeat."""


def divergence_bars(bars: Sequence[tuple[str, float | None]], *, measure: str) -> Figure:
    """Draw a divergence of each set from held-out speech; sets without one are omitted.

    Parameters
    ----------
    bars : name and divergence above that of one source, in bits
    measure : label of the axis
    """
    known = [(name, value) for name, value in bars if value is not None]
    figure = new_figure(0.36 * len(known) + 0.9, width_in=7.0)
    if not known:
        return empty(figure, "nothing was compared")
    axes = plain(figure.subplots(), x=measure, grid=False)
    place = np.arange(len(known))[::-1]
    axes.barh(place, [value for _, value in known], height=0.62, color=BLUE, linewidth=0)
    for at, (_, value) in zip(place, known, strict=True):
        axes.annotate(
            f"{value:.3f}", (max(value, 0), at), (5, 0), textcoords="offset points", va="center", fontsize=9, color=INK
        )
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(place, [name for name, _ in known], fontsize=9.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.margins(x=0.12)
    return figure


def cumulative(values: Mapping[str, npt.NDArray[np.float64]], *, x: str, y: str) -> Figure:
    """Draw the share of values up to each value, a line for each set; sets without values are omitted.

    Parameters
    ----------
    values : name -> values (count,), the first drawn in ink
    x, y : labels of the axes
    """
    figure = new_figure(2.8)
    known = {name: np.sort(one) for name, one in values.items() if len(one)}
    if not known:
        return empty(figure, "there is nothing to show")
    axes = plain(figure.subplots(), x=x, y=y)
    for number, (name, one) in enumerate(known.items()):
        shares = 100 * np.arange(1, len(one) + 1) / len(one)
        colour, width = COLOURS[number % len(COLOURS)], 2.0 if not number else 1.3
        axes.step(one, shares, where="post", label=name, color=colour, linewidth=width)
    longest = max(float(np.percentile(one, 99.5)) for one in known.values())
    axes.set_xlim(0, 1.05 * longest if longest else 1)
    axes.set_ylim(0, 100)
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    return figure
