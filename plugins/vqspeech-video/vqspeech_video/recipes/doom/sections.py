"""Sections of the report of the recipe `doom` on what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vqspeech.analysis.figures.style import BLUE, GREEN, ORANGE, PURPLE, new_figure, plain
from vqspeech.experiments import Result
from vqspeech.report import Picture, Section, Table
from vqspeech_video.recipes.doom.results import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES = {
    "ceiling": ("real codes, decoded", PURPLE),
    "true": ("real actions", BLUE),
    "random": ("random actions", ORANGE),
    "twin": ("no actions", GREEN),
    "copy": ("last frame copied", "0.5"),
}
STEPS = (1, 2, 4, 5, 10)
"""Generated frames that the tables show, where there are as many."""


def costs_section(results: Result) -> Section:
    """Return the section on the cost of real frames."""
    nats = results["nats"]
    names = {
        "true": "given true actions",
        "permuted": "given the actions of another clip",
        "none": "the prior without actions",
        "without_history": "given nothing: a prior over single frames",
    }
    differences = tuple(
        (name, nats[key]["mean"], interval(nats[key]))
        for key, name in (("permuted_minus_true", "permuted less true"), ("none_minus_true", "none less true"))
    )
    accuracy = (
        ("given true actions", nats["accuracy"]["mean"]),
        ("the prior without actions", nats["accuracy_none"]["mean"]),
        ("the code at the same place of the last frame", nats["accuracy_copy"]["mean"]),
    )
    return Section(
        title="Cost of real frames",
        text="Teacher-forced: every frame is given the real frames before it.",
        tables=(
            Table(
                columns=("codes", "nats per code"),
                rows=(
                    *((name, nats[key]["mean"]) for key, name in names.items()),
                    ("by frequency", results["unigram_nats"]),
                ),
                emphasis=0,
            ),
            Table(columns=("difference", "nats per code", "95 %"), rows=differences, caption="paired over clips"),
            Table(columns=("likeliest code", "is right"), rows=accuracy),
        ),
    )


def frames_section(results: Result) -> Section:
    """Return the section on generated frames beside the real ones."""
    frames = results["frames"]
    steps = [step for step in STEPS if step <= len(frames["delta_psnr_db"])]
    columns = ("", *(f"frame {step}" for step in steps))
    tables = [
        Table(
            columns=columns,
            rows=tuple((name, *(frames[key][row][step - 1] for step in steps)) for row, (name, _) in CURVES.items()),
            caption=caption,
        )
        for key, caption in (("psnr_db", "PSNR in dB, mean over clips and samples"), ("ssim", "SSIM"))
    ]
    compared = [("delta PSNR: true less random actions", frames["delta_psnr_db"])]
    if (turning := frames["turning"])["above_copy_db"]:
        caption = f"above a copy of the last frame, in {turning['clips']} clips whose first two generated steps turn"
        compared.append((caption, turning["above_copy_db"]))
    for caption, values in compared:
        cells = (f"{values[step - 1]['mean']:.2f} {interval(values[step - 1])}" for step in steps)
        tables.append(Table(columns=columns, rows=(("difference, dB", *cells),), caption=caption))
    return Section(
        title="Generated frames beside the real ones",
        text="A sample is one of many possible futures, so its PSNR falls even where it is plausible; what counts is "
        "the difference between conditions.",
        tables=tuple(tables),
        figures=(Picture(source=_curves(frames["psnr_db"]), alt="PSNR of each generated frame"),),
    )


def _curves(psnr: dict[str, list[float]]) -> Figure:
    figure = new_figure(3.2)
    axes = plain(figure.subplots(), x="generated frame", y="PSNR, dB")
    for key, (name, colour) in CURVES.items():
        axes.plot(range(1, len(psnr[key]) + 1), psnr[key], "-o", color=colour, markersize=3, linewidth=1.4, label=name)
    axes.legend(frameon=False, fontsize=9)
    return figure


def movement_section(results: Result) -> Section:
    """Return the section on movement, and actions read again."""
    rows = tuple(
        (
            name,
            row["median_px"],
            row["real_px"],
            f"{100 * row['right_sign']:.0f} %",
            None if row["real_right_sign"] is None else f"{100 * row['real_right_sign']:.0f} %",
        )
        for name, row in results["movement"].items()
    )
    read = results["actions_read"]
    names = {
        "real": "real frames",
        "decoded": "real frames through their codes",
        "true": "generated with these actions",
    }
    names |= {"twin": "generated without actions"}
    return Section(
        title="Movement",
        text="Shift of the content from one frame to the next, in pixels to the right, by block matching: one who "
        "turns left sees the content move to the right. And the action between two frames, read by a classifier that "
        "is fitted on real training frames.",
        tables=(
            Table(
                columns=("all steps", "shift, px", "real steps, px", "clips that move so", "real clips that do"),
                rows=rows,
            ),
            Table(
                columns=("actions read from", "accuracy"),
                rows=(*((name, read[key]) for key, name in names.items()), ("chance", read["chance"])),
                caption="mean over actions",
            ),
        ),
    )


def samples_section(results: Result) -> Section:
    """Return the section on diversity and drift."""
    samples = results["samples"]
    steps = [step for step in STEPS if step <= len(samples["drift"])]
    rows = (
        ("codes in which two samples differ", *(samples["diversity"][step - 1] for step in steps)),
        ("cost of a generated frame alone, of that of a real one", *(samples["drift"][step - 1] for step in steps)),
    )
    return Section(
        title="Diversity and drift",
        text=f"Frames of different clips differ in {100 * samples['other_clips']:.0f} % of their codes. The cost of a "
        "frame alone is that under the prior without any frame before it: it rises when frames leave the world.",
        tables=(Table(columns=("", *(f"frame {step}" for step in steps)), rows=rows),),
    )
