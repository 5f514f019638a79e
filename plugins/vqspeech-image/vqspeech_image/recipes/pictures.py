"""Grids of images and curves of training as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech.analysis.figures.style import BLUE, GREEN, ORANGE, PURPLE, new_figure, plain
from vqspeech.report.images import save_figure
from vqspeech.runs import RunDirectory
from vqspeech.training.metrics import read_metrics

GAP = 2
COLOURS = (BLUE, ORANGE, GREEN, PURPLE)


def grid(images: npt.NDArray[np.uint8], columns: int) -> npt.NDArray[np.uint8]:
    """Put images (count, height, width, channels) in rows of `columns`, with white gaps: (height, width, channels)."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), 255, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top, left = row * (height + GAP), column * (width + GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def save_grid(images: npt.NDArray[np.uint8], columns: int, path: Path, least_side: int = 64) -> Path:
    """Write `grid` as PNG, each image enlarged by a whole number to at least `least_side`; returns the path."""
    from PIL import Image

    sheet = grid(images, columns)
    scale = max(1, -(-least_side // images.shape[1]))
    sheet = sheet.repeat(scale, 0).repeat(scale, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet).save(path, optimize=True)
    return path


def side_by_side(rows: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Join versions of the same images, (count, height, width, channels) each, for `grid`: one row per version."""
    return np.concatenate(list(rows))


def spread(count: int, wanted: int) -> npt.NDArray[np.int64]:
    """Return at most `wanted` of `count` indices, evenly spread: neighbours may belong to one clip or class."""
    return np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64)


def draw_curves(runs: Mapping[str, RunDirectory], key: str, unit: str, path: Path) -> Path:
    """Draw a validation figure over seconds of training as PNG, a line for each run; returns the path.

    Parameters
    ----------
    runs : name -> run directory
    key : of the figure in its metrics
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
