"""Charts of codebooks and accuracies; every function returns a Figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vqspeech.analysis.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def codebook_usage(counts: Sequence[int] | np.ndarray, *, title: str = "Codebook use") -> Figure:
    """Draw the share of each code, the most frequent first, with the level of uniform use.

    Parameters
    ----------
    counts : (K,) occurrences of each code
    """
    counts = np.sort(np.asarray(counts, dtype=np.float64))[::-1]
    total = counts.sum()
    figure = new_figure(2.6)
    axes = plain(figure.subplots(), title=title, x="codes, most frequent first", y="share of frames, %")
    share = 100.0 * counts / total if total else counts
    used = int((counts > 0).sum())
    axes.bar(np.arange(len(counts)), share, width=1.0, color=BLUE, linewidth=0)
    if len(counts):
        uniform = 100.0 / len(counts)
        axes.axhline(uniform, color=ORANGE, linewidth=1.0, linestyle="--")
        axes.annotate(
            "uniform",
            (len(counts) - 1, uniform),
            (0, 4),
            textcoords="offset points",
            ha="right",
            fontsize=8.5,
            color=ORANGE,
        )
        axes.set_xlim(-0.8, len(counts) - 0.2)
    axes.text(
        0.995, 0.93, f"{used} of {len(counts)} codes used", transform=axes.transAxes, ha="right", fontsize=9, color=INK
    )
    return figure


def accuracy_bars(bars: Sequence[tuple[str, float]], *, interval: tuple[float, float] | None = None) -> Figure:
    """Draw accuracies side by side: the result first, then its baselines.

    Parameters
    ----------
    bars : (name, share in [0, 1]), the result first
    interval : 95 % interval of the first
    """
    figure = new_figure(0.42 * len(bars) + 0.75, width_in=7.0)
    axes = plain(figure.subplots(), x="accuracy, %", grid=False)
    position = np.arange(len(bars))[::-1]
    axes.barh(
        position, [100 * value for _, value in bars], height=0.62, color=[BLUE, *[GREY] * (len(bars) - 1)], linewidth=0
    )
    for at, (_, value) in zip(position, bars, strict=True):
        ends = max(value, interval[1]) if interval and at == position[0] else value
        axes.annotate(
            f"{100 * value:.1f}",
            (100 * ends, at),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    if interval:
        axes.plot([100 * interval[0], 100 * interval[1]], [position[0]] * 2, color=INK, linewidth=1.6)
    axes.set_yticks(position, [name for name, _ in bars], fontsize=9.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_xlim(0, 112 * max([value for _, value in bars] + [interval[1] if interval else 0.0, 0.01]))
    return figure
