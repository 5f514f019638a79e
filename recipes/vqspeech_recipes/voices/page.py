"""Results and report of the recipe `voices`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vqspeech.analysis.listening.judge.page import judged_section
from vqspeech.config import plain
from vqspeech.experiments import Result, Results
from vqspeech.experiments.components import training_section
from vqspeech.experiments.facts import describe, versions
from vqspeech.report import Picture, Report, Section
from vqspeech.runs import RunDirectory
from vqspeech_recipes.voices.settings import VoicesSettings

PHASES = ("codes", "decoder")
"""What is trained, in order."""


def collect(made: Results, settings: VoicesSettings) -> Result:
    """Return the contents of ``results.json``."""
    judged = made["judge"]
    return {
        "corpus": made["prepare"]["corpus"],
        "seed": settings.codes.seed,
        "codes": made["codes"],
        "decoder": made["train"],
        "judged": {name: value for name, value in judged.items() if name != "clips"},
        "published": made["export"],
        "config": {"codes": plain(settings.codes), "decoder": settings.values},
        "versions": versions("vqspeech", "torch", "numpy"),
    }


def page(run: RunDirectory, made: Results, results: Result, curves: Sequence[Path]) -> Report:
    """Return the page.

    Parameters
    ----------
    run : run directory with the files of the stages
    made : results of the stages
    results : the contents of ``results.json``
    curves : pictures of the training curves of codes and decoder
    """
    judged, published = made["judge"], results["published"]
    if "rows" in judged:
        section = judged_section(judged, run.judged, "Conversions of speakers never heard in training")
    else:
        section = Section(title="Not judged", text=judged["reason"])
    pictures = tuple(
        Picture(source=curve, caption=name, alt=f"training curves of {name}")
        for name, curve in zip(PHASES, curves, strict=True)
    )
    return Report(
        title="Voices",
        subtitle=f"A model of speech to publish, {published['megabytes']:.1f} MB",
        facts=(
            ("Data", describe(results["corpus"])),
            ("Training", _training(results)),
        ),
        sections=(section, replace(training_section(curves[0]), figures=pictures)),
        versions=results["versions"],
    )


def summary(results: Result) -> list[str]:
    """Return the main numbers in lines."""
    lines = [_training(results)]
    for row in results["judged"].get("rows", ()):
        if row["kind"] in ("original", "conversion") and not row["voice"]:
            measures = (
                (name, row["measures"][name]["value"]) for name in ("wer", "cer", "similarity_target", "dnsmos")
            )
            figures = ", ".join(f"{name} {value:.2f}" for name, value in measures if value is not None)
            lines.append(f"{row['run'] or 'recordings'}, {row['kind']}: {figures}")
    return [*lines, f"published: {results['published']['path']}"]


def _training(results: Result) -> str:
    parts = (f"{name}: {results[name]['steps']} steps, {results[name]['seconds'] / 60:.0f} min" for name in PHASES)
    return "; ".join(parts)
