"""The report of the recipe `doom`, from results and pictures of its stages."""

from __future__ import annotations

from pathlib import Path

from vqspeech.experiments import Result, Results
from vqspeech.experiments.components import codebook_section
from vqspeech.report import Headline, Picture, Report, Section, Table
from vqspeech.runs import RunDirectory
from vqspeech_video.recipes.doom.results import interval
from vqspeech_video.recipes.doom.sections import costs_section, frames_section, movement_section, samples_section
from vqspeech_video.recipes.doom.settings import PRIOR, TWIN, DoomSettings


def page(run: RunDirectory, made: Results, results: Result, settings: DoomSettings) -> Report:
    """Return the page.

    Parameters
    ----------
    run : run directory with the pictures of the stages
    made : results of the stages
    results : the contents of ``results.json``
    """
    return Report(
        title="A world in discrete codes",
        subtitle="Frames are continued for chosen actions wholly in the space of codes, and decoded at the end",
        warning="These are generated shapes: they show that everything works."
        if results["corpus"]["name"] == "shapes"
        else "",
        facts=(
            *_facts(results),
            *(("Note", note) for note in made["prepare"]["notes"]),
            *(("Choice", sentence) for sentence in settings.choices),
        ),
        headlines=_headlines(results),
        sections=(
            _continuations(run.pictures, results),
            _goals(results),
            costs_section(results),
            frames_section(results),
            movement_section(results),
            samples_section(results),
            codebook_section(
                made["encode"]["codebooks"], [run.pictures / "codebook-0.png"], over="all held-out frames"
            ),
            _training(run.pictures, made),
        ),
        versions=results["versions"],
    )


def _facts(results: Result) -> tuple[tuple[str, str], ...]:
    corpus, evaluate = results["corpus"], results["evaluate"]
    clips = ", ".join(f"{split} {count:,}" for split, count in corpus["clips"].items())
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in corpus["actions"].items())
    rows, columns = results["grid"]
    priors = ", ".join(
        f"{name} {row['steps']:,} steps in {row['seconds'] / 60:.1f} min" for name, row in results["priors"].items()
    )
    return (
        ("Data", f"{corpus['variant']} (clips: {clips}; actions: {shares})"),
        ("Codes", f"{rows} x {columns} of {results['codebook_size'][0]} for a frame"),
        (
            "Training",
            f"frames {results['steps']:,} steps in {results['train_seconds'] / 60:.1f} min, {priors}, "
            f"seed {results['seed']}",
        ),
        (
            "Measured on",
            f"{results['clips']} held-out clips: {evaluate['context']} frames given, {evaluate['frames']} generated, "
            f"{evaluate['seeds']} samples of each; intervals of 95 % by bootstrap over clips",
        ),
    )


def _headlines(results: Result) -> tuple[Headline, ...]:
    nats, read, speed = results["nats"], results["actions_read"], results["speed"]
    deltas = results["frames"]["delta_psnr_db"]
    fourth = deltas[min(3, len(deltas) - 1)]
    return (
        Headline(
            name="cost of a code given the actions",
            value=f"{nats['true']['mean']:.3f}",
            unit="nats",
            comparison=f"permuted {nats['permuted']['mean']:.3f}, without {nats['none']['mean']:.3f}",
            explanation="Of real held-out frames, given the real ones before.",
        ),
        Headline(
            name="what true actions add at frame 4",
            value=f"{fourth['mean']:.2f}",
            unit="dB",
            comparison=f"PSNR with true less that with random actions {interval(fourth)}",
        ),
        Headline(
            name="actions read from generated frames",
            value=f"{100 * read['true']:.0f}",
            unit="%",
            comparison=f"from real frames {100 * read['real']:.0f} %, chance {100 * read['chance']:.0f} %",
        ),
        Headline(
            name=f"{speed['frames']} frames of {speed['clips']} clips",
            value=f"{speed['seconds']:.1f}",
            unit="s",
            comparison=f"{speed['speedup']:.0f} times faster than the whole network for every code",
        ),
    )


def _continuations(pictures: Path, results: Result) -> Section:
    rows, context = ", ".join(results["shown"]), results["evaluate"]["context"]
    figures = []
    for number in range(results["evaluate"]["shown"]):
        film = pictures / f"clip-{number}.mp4"
        figures.append(
            Picture(
                source=film if film.exists() else film.with_suffix(".webp"),
                caption=f"from left to right: {rows}",
                alt="real clip and its continuations, moving",
            )
        )
        figures.append(
            Picture(
                source=pictures / f"strips-{number}.png", caption="the same, frame by frame", alt="strips of frames"
            )
        )
    return Section(
        title="Continuations",
        text=f"Held-out clips. The first {context} frames, with a grey border, are given as codes; the others, with "
        f"an orange one, are generated. From above: {rows}. Play yourself: `vqspeech play RUN`, or with `--page`.",
        figures=tuple(figures),
    )


def _goals(results: Result) -> Section:
    rows = tuple(
        (row["measure"], row["goal"], row["value"], "yes" if row["reached"] else "no") for row in results["goals"]
    )
    return Section(title="Goals", tables=(Table(columns=("measure", "goal", "measured", "reached"), rows=rows),))


def _training(pictures: Path, made: Results) -> Section:
    trained = {"frames": made["train"], "prior": made["prior"][PRIOR], "prior without actions": made["prior"][TWIN]}
    figures = ((f"training-{name}.png", name) for name in ("model", PRIOR, TWIN))
    return Section(
        title="Training",
        tables=(
            Table(
                columns=("model", "steps", "frames seen", "seconds"),
                rows=tuple((name, row["steps"], row["frames_seen"], row["seconds"]) for name, row in trained.items()),
            ),
        ),
        figures=tuple(
            Picture(source=pictures / file, caption=name, alt=f"training curves of {name}") for file, name in figures
        ),
    )
