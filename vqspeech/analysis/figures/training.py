"""Curves of training, of any modality, from the rows of a ``metrics.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

LIKELIHOOD = "nll_bits"
SHUFFLED = "shuffled_"

NO_LOSS = frozenset(
    (
        "step",
        "split",
        "seconds",
        "samples_per_second",
        "learning_rate",
        "codes_used",
        "perplexity",
        "normalised_entropy",
    )
)
"""Keys of a training row that are not terms of the loss."""

TERM_COLOURS = (PURPLE, BLUE, ORANGE, GREEN, SKY, GREY)


@dataclass(frozen=True)
class _Line:
    """A curve: which rows, which key, and how it is drawn."""

    split: str
    key: str
    label: str
    colour: str
    dash: str = "-"


def training_curves(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw training curves: the criterion, the use of codes, and the other terms of the loss.

    The criterion is what the rows hold shuffled as well, ``nll_bits`` where nothing is shuffled. Panels and lines
    without values are omitted.

    Parameters
    ----------
    rows : dicts with ``step``, ``split`` ("train" or "valid") and numbers; None and numbers that are not finite are
        skipped
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    panels = []
    for title, unit, lines in _panels(rows):
        drawn = [(line, *_series(rows, line)) for line in lines]
        if drawn := [(line, step, value) for line, step, value in drawn if len(step)]:
            panels.append((title, unit, drawn))
    figure = new_figure(3.0, width_in=WIDTH_IN if len(panels) > 1 else 6.0)
    if not panels:
        return empty(figure, "no training metrics")
    for axes, (title, unit, drawn) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        plain(axes, title=title, x="step", y=unit)
        for line, step, value in drawn:
            _draw(axes, line, step, value)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
        )
        axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, handlelength=1.6)
    return figure


def _panels(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[_Line]]]:
    """Return title, unit and lines of each panel."""
    shuffled = sorted({key for row in rows for key in row if key.startswith(SHUFFLED)})
    criterion = shuffled[0].removeprefix(SHUFFLED) if shuffled else LIKELIHOOD
    likelihood = criterion == LIKELIHOOD
    # The order of the first row that has a term, so that colours do not change from run to run.
    others = dict.fromkeys(
        key
        for row in rows
        if row.get("split") == "train"
        for key, value in row.items()
        if key not in NO_LOSS and key != criterion and isinstance(value, int | float)
    )
    return [
        (
            "Negative log-likelihood" if likelihood else criterion,
            "bits" if likelihood else "",
            [
                _Line("train", criterion, "training", SKY),
                _Line("valid", criterion, "held out", BLUE),
                _Line("valid", SHUFFLED + criterion, "held out, codes shuffled", ORANGE),
            ],
        ),
        (
            "Codebook use",
            "codes",
            [
                _Line("train", "codes_used", "codes used", GREY),
                _Line("train", "perplexity", "perplexity", GREEN),
                _Line("valid", "perplexity", "perplexity, held out", GREEN, "--"),
            ],
        ),
        (
            "Other losses",
            "weighted loss, training",
            [_Line("train", key, key, colour) for key, colour in zip(others, TERM_COLOURS, strict=False)],
        ),
    ]


def _series(rows: Sequence[Mapping[str, Any]], line: _Line) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and finite values of a line."""
    points = [
        (float(row["step"]), float(row[line.key]))
        for row in rows
        if row.get("split", "train") == line.split and row.get(line.key) is not None and row.get("step") is not None
    ]
    step, value = np.asarray(points, dtype=np.float64).reshape(-1, 2).T
    finite = np.isfinite(value)
    return step[finite], value[finite]


def _draw(axes: Axes, line: _Line, step: np.ndarray, value: np.ndarray) -> None:
    """Draw a line with its last value; a long noisy series is drawn faint behind its running mean."""
    if len(value) > 200:
        axes.plot(step, value, color=line.colour, linewidth=0.6, alpha=0.25)
        width = len(value) // 50
        value = np.convolve(
            np.pad(value, (width // 2, width - 1 - width // 2), mode="edge"), np.ones(width) / width, "valid"
        )
    axes.plot(
        step,
        value,
        line.dash,
        color=line.colour,
        linewidth=1.7,
        label=f"{line.label}: {value[-1]:.4g}",
        marker="o" if len(value) == 1 else None,
    )
