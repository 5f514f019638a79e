"""Versions of images beside each other, and curves of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech.analysis.figures.style import BLUE, GREEN, ORANGE, PURPLE, new_figure, plain
from vqspeech.report.images import save_figure
from vqspeech.runs import RunDirectory
from vqspeech.training.metrics import read_metrics

COLOURS = (BLUE, ORANGE, GREEN, PURPLE)


def side_by_side(rows: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Join versions of images (count, height, width, channels), a row per version for `grid`."""
    return np.concatenate(list(rows))


def spread(count: int, most: int) -> npt.NDArray[np.int64]:
    """Return at most `most` evenly spread indices below `count`."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def draw_curves(runs: Mapping[str, RunDirectory], key: str, unit: str, path: Path) -> Path:
    """Draw a validation figure over training time as PNG, a line per run; return the path.

    Parameters
    ----------
    runs : name -> run directory
    key : key of the figure in its metrics
    unit : for the axis
    """
    figure = new_figure(3.2)
    axes = plain(figure.subplots(), x="seconds of training", y=unit)
    for colour, (name, run) in zip(COLOURS, runs.items(), strict=False):
        rows = read_metrics(run.metrics)
        points = [(row["seconds"], row[key]) for row in rows if row["split"] == "valid" and key in row]
        if points:
            seconds, values = zip(*points, strict=True)
            axes.plot(seconds, values, "-o", color=colour, markersize=3, linewidth=1.4, label=name)
    if axes.lines:
        axes.legend(frameon=False, fontsize=9)
    return save_figure(figure, path)
