"""Parts of a page that any recipe may use: training curves and codebook use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vqspeech.analysis.figures.charts import codebook_usage
from vqspeech.analysis.figures.training import training_curves
from vqspeech.report import Picture, Section, Table
from vqspeech.report.images import save_figure
from vqspeech.training.metrics import read_metrics


def draw_training(metrics: Path, picture: Path) -> Path:
    """Draw the curves of a ``metrics.jsonl`` as PNG; return `picture`."""
    return save_figure(training_curves(read_metrics(metrics)), picture)


def training_section(picture: Path, *, text: str = "", tables: tuple[Table, ...] = ()) -> Section:
    """Return the section on training, with the picture of `draw_training`."""
    text = text or (
        "Losses on training and held-out data, the loss when each row gets the codes of another row, "
        "and the codes in use."
    )
    return Section(
        title="Training", text=text, tables=tables, figures=(Picture(source=picture, alt="training curves"),)
    )


def draw_codebooks(codebooks: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    """Draw the use of codebooks as PNG files; returns their names.

    Parameters
    ----------
    codebooks : with ``counts``, the number of occurrences of each code
    folder : created when missing
    """
    names = [f"codebook-{number}.png" for number in range(len(codebooks))]
    for name, book in zip(names, codebooks, strict=True):
        save_figure(codebook_usage(book["counts"]), folder / name)
    return names


def codebook_section(codebooks: Sequence[Mapping[str, Any]], pictures: Sequence[Path], *, over: str) -> Section:
    """Return the section on codebook use.

    Parameters
    ----------
    codebooks : with ``size``, ``codes_used``, ``perplexity`` and optionally ``level``, a name
    pictures : paths from `draw_codebooks`, all or some
    over : description of the counted items, for example ``"every utterance of the corpus"``
    """
    rows = tuple(
        (
            f"{book.get('level', '')} {number}".strip(),
            book["size"],
            book["codes_used"],
            f"{book['perplexity']:.1f}",
            f"{math.log(book['perplexity']) / math.log(book['size']):.3f}" if book["size"] > 1 else None,
        )
        for number, book in enumerate(codebooks)
    )
    return Section(
        title="Codebook use",
        text=f"A collapsed codebook uses few codes. Counted over {over}.",
        tables=(Table(columns=("codebook", "codes", "used", "perplexity", "entropy / log K"), rows=rows),),
        figures=tuple(
            Picture(source=path, caption="share of each code, sorted", alt="bar chart of code use") for path in pictures
        ),
    )
