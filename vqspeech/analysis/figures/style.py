"""Set the style of all figures, and write them as small files.

Colours of Okabe and Ito (2008), distinguishable with any colour vision. No pyplot, so no state outside the figure.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqspeech.report.images import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE = "#1f2933", "#66727f", "#d9dee4"
BLUE, ORANGE, GREEN, PURPLE, SKY, GREY = "#0072b2", "#d55e00", "#009e73", "#aa4499", "#56b4e9", "#9aa5b1"
WIDTH_IN = 9.0
DPI = 110


def new_figure(height_in: float, *, width_in: float = WIDTH_IN) -> Figure:
    """Create an empty figure with its own canvas and a constrained layout, whose texts are drawn literally."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from vqspeech.analysis.figures.literal import LiteralFigure

    figure = LiteralFigure(figsize=(width_in, height_in), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def plain(axes: Axes, *, title: str = "", x: str = "", y: str = "", grid: bool = True) -> Axes:
    """Apply the common style to axes: no box, a light grid, the title at the left."""
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
    """Write a figure as ``name.png`` and ``name.svg`` in a folder; return both paths."""
    figure.savefig(
        _ready(folder / f"{name}.svg"), format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None}
    )
    return save_figure(figure, folder / f"{name}.png"), folder / f"{name}.svg"


def _ready(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def colour_bar(figure: Figure, image: Any, axes: Any, label: str) -> None:
    """Add a plain colour bar at the right of the axes."""
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=MUTED, labelsize=8, length=0)
    bar.set_label(label, fontsize=8.5, color=MUTED)


def empty(figure: Figure, message: str) -> Figure:
    """Write into a figure why there is nothing to show."""
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, message, ha="center", va="center", fontsize=10, color=MUTED)
    return figure
