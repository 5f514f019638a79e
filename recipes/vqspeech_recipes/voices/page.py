"""Results and report of the recipe `voices`."""

from __future__ import annotations

from pathlib import Path

from vqspeech.analysis.listening.judge.page import judged_section
from vqspeech.config import plain
from vqspeech.experiments import Result, Results
from vqspeech.experiments.components import training_section
from vqspeech.experiments.facts import describe, versions
from vqspeech.report import Report, Section
from vqspeech.runs import RunDirectory
from vqspeech_recipes.voices.settings import VoicesSettings


def collect(made: Results, settings: VoicesSettings) -> Result:
    """Return the contents of ``results.json``."""
    judged = made["judge"]
    return {
        "corpus": made["prepare"]["corpus"],
        "seed": settings.run.seed,
        "steps": made["train"]["steps"],
        "train_seconds": made["train"]["seconds"],
        "validation": made["train"]["validation"],
        "judged": {name: value for name, value in judged.items() if name != "clips"},
        "published": made["export"],
        "config": plain(settings.run),
        "versions": versions("vqspeech", "torch", "numpy", "faster-whisper"),
    }


def page(run: RunDirectory, made: Results, results: Result, curves: Path) -> Report:
    """Return the page.

    Parameters
    ----------
    run : run directory with the files of the stages
    made : results of the stages
    results : the contents of ``results.json``
    curves : picture of the training curves
    """
    judged, published = made["judge"], results["published"]
    if "rows" in judged:
        section = judged_section(judged, run.judged, "Conversions of speakers never heard in training")
    else:
        section = Section(title="Not judged", text=judged["reason"])
    return Report(
        title="Voices",
        subtitle=f"A model of speech to publish, {published['megabytes']:.1f} MB",
        facts=(
            ("Data", describe(results["corpus"])),
            ("Training", f"{results['steps']} steps in {results['train_seconds'] / 60:.0f} minutes"),
        ),
        sections=(section, training_section(curves)),
        versions=results["versions"],
    )


def summary(results: Result) -> list[str]:
    """Return the main numbers in lines."""
    lines = [f"{results['steps']} steps in {results['train_seconds'] / 60:.0f} minutes"]
    for row in results["judged"].get("rows", ()):
        if row["kind"] in ("original", "conversion") and not row["voice"]:
            measures = (
                (name, row["measures"][name]["value"]) for name in ("wer", "cer", "similarity_target", "dnsmos")
            )
            figures = ", ".join(f"{name} {value:.2f}" for name, value in measures if value is not None)
            lines.append(f"{row['run'] or 'recordings'}, {row['kind']}: {figures}")
    return [*lines, f"published: {results['published']['path']}"]
