"""Figures of codes and training in one restrained style; every function returns a Figure, and `save` writes it light in weight.

Colours are those of Okabe and Ito (2008), told apart with any colour vision. No pyplot, so no state outside the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vqspeech.alignment.inventories import MANNERS, manner
from vqspeech.report.images import save_figure as save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE = "#1f2933", "#66727f", "#d9dee4"
BLUE, ORANGE, GREEN, PURPLE, SKY, GREY = "#0072b2", "#d55e00", "#009e73", "#aa4499", "#56b4e9", "#9aa5b1"
WIDTH_IN = 9.0
DPI = 110

LOSS_TERMS = ("spectral", "commitment", "codebook", "aux")
"""Terms of the loss beside the likelihood that the training curves know."""


def new_figure(height_in: float, *, width_in: float = WIDTH_IN) -> Figure:
    """An empty figure with a canvas of its own and a constrained layout."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def plain(axes: Axes, *, title: str = "", x: str = "", y: str = "", grid: bool = True) -> Axes:
    """The house style on one pair of axes: no box, quiet grid, title at the left."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(RULE)
    axes.tick_params(colors=MUTED, labelsize=8.5, length=3)
    if grid:
        axes.grid(True, axis="y", color=RULE, linewidth=0.6, alpha=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(x, fontsize=9, color=MUTED)
    axes.set_ylabel(y, fontsize=9, color=MUTED)
    if title:
        axes.set_title(title, loc="left", fontsize=10.5, color=INK, fontweight="bold", pad=7)
    return axes


def save_both(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write a figure as ``name.png`` and ``name.svg`` in a folder that is made when missing; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.svg", format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None})
    return save(figure, folder / f"{name}.png"), folder / f"{name}.svg"


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


def code_phone_matrix(counts: np.ndarray, phones: Sequence[str]) -> Figure:
    """P(phone | code): a column per code that occurs, ordered by its phone, a row per phone, ordered by manner of articulation.

    Parameters
    ----------
    counts : (codes, phones) joint counts
    phones : names of the columns of `counts`
    """
    counts = np.asarray(counts, dtype=np.float64)
    used = counts.sum(axis=1) > 0
    if not used.any():
        return empty(new_figure(2.0), "no frames with a phone")
    order = phone_order(phones, counts.sum(axis=0))
    share = (counts[used] / counts[used].sum(axis=1, keepdims=True))[:, order]
    best = share.argmax(axis=1)
    share = share[np.lexsort((-share.max(axis=1), best))]
    figure = new_figure(max(2.6, 0.13 * len(phones) + 1.0))
    axes = plain(
        figure.subplots(), title="P(phone | code)", x=f"{used.sum()} codes, ordered by their phone", grid=False
    )
    image = axes.imshow(share.T, aspect="auto", interpolation="nearest", cmap="Blues", vmin=0.0, vmax=1.0)
    names = [phones[index] for index in order]
    axes.set_yticks(range(len(names)), names, fontsize=7 if len(names) > 24 else 8.5)
    axes.set_xticks([])
    ranks = [MANNERS.index(manner(name)) for name in names]
    for row in np.flatnonzero(np.diff(ranks)):
        axes.axhline(row + 0.5, color=MUTED, linewidth=0.5)
    colour_bar(figure, image, axes, "probability")
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


def phone_order(phones: Sequence[str], totals: np.ndarray) -> list[int]:
    """Order of the phones: by manner of articulation, within one the frequent first."""
    return sorted(range(len(phones)), key=lambda index: (MANNERS.index(manner(phones[index])), -totals[index]))


def colour_bar(figure: Figure, image: Any, axes: Any, label: str) -> None:
    """A quiet colour bar at the right of the axes."""
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=MUTED, labelsize=8, length=0)
    bar.set_label(label, fontsize=8.5, color=MUTED)


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


def empty(figure: Figure, message: str) -> Figure:
    """A figure that says why there is nothing to show."""
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, message, ha="center", va="center", fontsize=10, color=MUTED)
    return figure
