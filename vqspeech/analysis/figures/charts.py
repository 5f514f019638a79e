"""Charts of training and of codebooks; every function returns a Figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vqspeech.analysis.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    WIDTH_IN,
    empty,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS_TERMS = ("spectral", "commitment", "codebook", "aux")
"""Terms of the loss beside the likelihood that the training curves know."""


def training_curves(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Training curves from metrics rows; keys that no row has are left out, and so are their panels.

    Parameters
    ----------
    rows : dicts with ``step``, ``split`` ("train" or "valid") and any of ``nll_bits``, ``shuffled_nll_bits``, ``perplexity``,
        ``codes_used`` and `LOSS_TERMS`; values that are missing, None or not finite are skipped
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    panels: list[tuple[str, str, list[tuple[str, str, str, str, str]]]] = [
        (
            "Likelihood of the waveform",
            "bits per sample",
            [
                ("train", "nll_bits", "training", SKY, "-"),
                ("valid", "nll_bits", "held out", BLUE, "-"),
                ("valid", "shuffled_nll_bits", "held out, codes shuffled", ORANGE, "-"),
            ],
        ),
        (
            "Codebook use",
            "codes",
            [
                ("train", "codes_used", "codes used", GREY, "-"),
                ("train", "perplexity", "perplexity", GREEN, "-"),
                ("valid", "perplexity", "perplexity, held out", GREEN, "--"),
            ],
        ),
        (
            "Other losses",
            "weighted loss, training",
            [
                ("train", key, key, colour, "-")
                for key, colour in zip(LOSS_TERMS, (PURPLE, BLUE, ORANGE, GREEN), strict=True)
            ],
        ),
    ]
    drawn = []
    for title, unit, wanted in panels:
        lines = [(_series(rows, split, key), label, colour, dash) for split, key, label, colour, dash in wanted]
        if kept := [line for line in lines if len(line[0][0])]:
            drawn.append((title, unit, kept))
    figure = new_figure(3.0, width_in=WIDTH_IN if len(drawn) > 1 else 6.0)
    if not drawn:
        return empty(figure, "no training metrics")
    for axes, (title, unit, kept) in zip(np.atleast_1d(figure.subplots(1, len(drawn))), drawn, strict=True):
        plain(axes, title=title, x="step", y=unit)
        for (step, value), label, colour, dash in kept:
            _draw_curve(axes, step, value, label, colour, dash)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
        )
        axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, handlelength=1.6)
    return figure


def codebook_usage(counts: Sequence[int] | np.ndarray, *, title: str = "Codebook use") -> Figure:
    """Share of each code, the most frequent first, beside a uniform use.

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
    """Accuracies side by side, the first one being the result and the others what it has to beat.

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


def _series(rows: Sequence[Mapping[str, Any]], split: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    points = [
        (float(row["step"]), float(row[key]))
        for row in rows
        if row.get("split", "train") == split and row.get(key) is not None and row.get("step") is not None
    ]
    step, value = np.asarray(points, dtype=np.float64).reshape(-1, 2).T
    finite = np.isfinite(value)
    return step[finite], value[finite]


def _draw_curve(axes: Axes, step: np.ndarray, value: np.ndarray, label: str, colour: str, dash: str) -> None:
    """A line with its last value; a long noisy series is drawn faint behind its running mean."""
    if len(value) > 200:
        axes.plot(step, value, color=colour, linewidth=0.6, alpha=0.25)
        width = len(value) // 50
        value = np.convolve(
            np.pad(value, (width // 2, width - 1 - width // 2), mode="edge"), np.ones(width) / width, "valid"
        )
    axes.plot(
        step,
        value,
        dash,
        color=colour,
        linewidth=1.7,
        label=f"{label}: {value[-1]:.4g}",
        marker="o" if len(value) == 1 else None,
    )
