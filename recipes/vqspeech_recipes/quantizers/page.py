"""The page of the comparison: a table of means and deviations, and a panel for each measure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vqspeech.analysis.figures.style import BLUE, INK, SKY, new_figure, plain
from vqspeech.experiments import Result
from vqspeech.experiments.facts import describe
from vqspeech.report import Picture, Report, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS: tuple[tuple[str, str, float, str], ...] = (
    ("perplexity", "perplexity", 1, ".1f"),
    ("codes_used", "codes used", 1, ".0f"),
    ("nll_bits_per_sample", "NLL, bit/sample", 1, ".3f"),
    ("nll_shuffled_codes_bits_per_sample", "NLL, codes shuffled", 1, ".3f"),
    ("phoneme_accuracy", "phones named, %", 100, ".1f"),
    ("phoneme_accuracy_other_speakers", "by other speakers' map, %", 100, ".1f"),
    ("phoneme_accuracy_random_codes", "by random codes, %", 100, ".1f"),
    ("bits_per_second", "bit/s", 1, ".0f"),
    ("entropy_bits_per_second", "entropy, bit/s", 1, ".0f"),
    ("steps_per_second", "training, steps/s", 1, ".2f"),
    ("encoding_times_real_time", "encoding, x real time", 1, ".0f"),
)
"""Measure, heading, scale and format of the table."""

PANELS = ("phoneme_accuracy", "nll_bits_per_sample", "perplexity", "codes_used", "bits_per_second", "steps_per_second")


SYNTHETIC = (
    "Synthetic demo corpus: no human speech. These numbers compare quantizers on the speech synthesiser espeak-ng "
    "and say nothing about real recordings; choose some with --corpus NAME --data-dir DIR."
)


def page(results: Result, figure: Path) -> Report:
    """Return the page.

    Parameters
    ----------
    results : the contents of ``results.json``
    figure : `comparison` as an image file
    """
    corpus, seeds = results["corpus"], results["seeds"]
    failures = tuple(
        (row["quantizer"], int(seed), reason)
        for row in results["quantizers"]
        for seed, reason in row["failures"].items()
    )
    sections = [
        Section(
            title="Quantizers",
            text="Mean and standard deviation over seeds. The codes of several codebooks count as one tuple. Phones "
            "are named by the majority map of codes to phones, on the frames it was fitted on and on speakers it was "
            "not; random codes of the same number show what the map gains by fitting. NLL is of held-out crops."
            + "".join(f"\n\n{doubt}" for doubt in results.get("label_doubts", ())),
            tables=(_table(results),),
            figures=(
                Picture(
                    source=figure,
                    caption="a dot for each seed, a bar at their mean",
                    alt="a panel for each measure, a row for each quantizer",
                ),
            ),
        )
    ]
    if failures:
        table = Table(columns=("quantizer", "seed", "error"), rows=failures)
        sections.append(Section(title="Failures", tables=(table,)))
    options = (
        (row["quantizer"], ", ".join(f"{key} = {value}" for key, value in row["options"].items()))
        for row in results["quantizers"]
        if row["options"]
    )
    return Report(
        title="A comparison of quantizers",
        subtitle=f"The same model, data and {results['steps']} steps for each, over {len(seeds)} "
        f"seed{'s' if len(seeds) > 1 else ''}",
        warning=SYNTHETIC if corpus["synthetic"] else "",
        facts=(("Data", describe(corpus)), ("Seeds", ", ".join(map(str, seeds))), *options),
        sections=tuple(sections),
        versions=results["versions"],
    )


def _table(results: Result) -> Table:
    rows = []
    for summary in results["quantizers"]:
        name = summary["quantizer"]
        if summary["failures"]:
            name += f" (failed: {len(summary['failures'])} of {len(results['seeds'])})"
        rows.append((name, summary["codes"], *(_cell(summary[key], scale, form) for key, _, scale, form in COLUMNS)))
    return Table(columns=("quantizer", "codes", *(heading for _, heading, _, _ in COLUMNS)), rows=tuple(rows))


def _cell(value: dict[str, float | None], scale: float, form: str) -> str | None:
    mean, sd = value["mean"], value["sd"]
    if mean is None:
        return None
    return f"{mean * scale:{form}}" + (f" ± {sd * scale:{form}}" if sd is not None else "")


def comparison(summaries: Sequence[Result], rows: Sequence[Result]) -> Figure:
    """Draw a panel for each of `PANELS`: a row per quantizer, a dot per seed, a bar at the mean.

    Parameters
    ----------
    summaries : summaries of each quantizer, in the order of the rows
    rows : rows of all runs; those that failed leave a gap
    """
    names = [summary["quantizer"] for summary in summaries]
    headings = {key: (heading, scale) for key, heading, scale, _ in COLUMNS}
    figure = new_figure(2 * (0.3 * len(names) + 0.9))
    grid = figure.subplots(2, 3, sharey=True)
    for axes, key in zip(grid.flat, PANELS, strict=True):
        heading, scale = headings[key]
        plain(axes, x=heading, grid=False)
        for at, summary in enumerate(summaries):
            runs = (row for row in rows if row["quantizer"] == names[at] and row["error"] is None)
            values = [scale * row[key] for row in runs if row[key] is not None]
            axes.plot(values, [at] * len(values), "o", color=SKY, markersize=5)
            if (mean := summary[key]["mean"]) is not None:
                axes.plot([scale * mean] * 2, [at - 0.3, at + 0.3], color=BLUE, linewidth=2)
        axes.margins(x=0.12)
        axes.ticklabel_format(axis="x", useOffset=False)
        axes.locator_params(axis="x", nbins=4)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.set_ylim(len(names) - 0.5, -0.5)
    return figure
