"""The contents of the recipe's ``results.json``."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from vqspeech.experiments import Result, Results
from vqspeech.experiments.facts import versions
from vqspeech_recipes.quantizers.settings import QuantizersSettings

MEASURES = (
    "perplexity", "codes_used", "nll_bits_per_sample", "nll_shuffled_codes_bits_per_sample", "phoneme_accuracy",
    "phoneme_accuracy_other_speakers", "phoneme_accuracy_random_codes", "bits_per_second", "entropy_bits_per_second",
    "steps_per_second", "encoding_times_real_time",
)  # fmt: skip
"""What is averaged over seeds."""


def collect(made: Results, settings: QuantizersSettings) -> Result:
    """Return the contents of ``results.json`` from the results of the stages."""
    return {
        "corpus": made["prepare"]["corpus"],
        "label_doubts": made["prepare"].get("label_doubts", []),
        "seeds": list(settings.seeds),
        "steps": settings.shared.train.steps,
        **made["compare"],
        "config": settings.values,
        "versions": versions("vqspeech", "torch", "numpy"),
    }


def summary(results: Result) -> list[str]:
    """Return a line on quantizers that failed, none when there are none."""
    failed = [row["quantizer"] for row in results["quantizers"] if row["failures"]]
    return [f"failed: {', '.join(failed)}; the table says why"] if failed else []


def summarise(name: str, rows: Sequence[Result], options: Mapping[str, Any]) -> Result:
    """Return mean and sample standard deviation of each measure over a quantizer's seeds.

    The mean of no seed and the deviation of fewer than two are None.

    Parameters
    ----------
    name : name of the quantizer
    rows : rows of all runs
    options : hyper-parameters of the quantizer
    """
    own = [row for row in rows if row["quantizer"] == name]
    done = [row for row in own if row["error"] is None]
    summary: Result = {
        "quantizer": name,
        "options": dict(options),
        "seeds": [row["seed"] for row in done],
        "failures": {str(row["seed"]): row["error"] for row in own if row["error"] is not None},
        "codes": done[0]["codes"] if done else None,
    }
    for key in MEASURES:
        values = [row[key] for row in done if row[key] is not None]
        summary[key] = {
            "mean": statistics.fmean(values) if values else None,
            "sd": statistics.stdev(values) if len(values) > 1 else None,
        }
    return summary
