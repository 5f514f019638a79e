"""The report's table of bits per dimension: every bound with its terms, beside yardsticks without a model and the paper's figures."""

from __future__ import annotations

from typing import Any

from vqspeech.report import Picture, Section, Table
from vqspeech.runs import RunDirectory
from vqspeech.training.metrics import read_metrics
from vqspeech_image.recipes.pictures import curves
from vqspeech_image.recipes.results import Evidence, model_name

PAPER = {"VQ-VAE": 4.67, "VAE": 4.51, "VIMCO": 5.14}
"""Bits per dimension of CIFAR-10 in van den Oord et al. 2017, section 4.1, after 250,000 steps."""


def bits_section(evidence: Evidence, results: dict[str, Any]) -> Section:
    """The section of the report that says what the images cost."""
    binary = results["config"]["model"]["likelihood"] == "bernoulli"
    paper = evidence.store.corpus.name == "cifar10"
    rows = _bounds(results, paper) + ([] if binary else _yardsticks(results))
    text = (
        "Every row is an upper bound of -log2 p(x) per dimension: [reconstruction + cost of the latents] in nats, divided by dimensions times log 2. "
        f"An image has {results['bits_per_dimension'][0]['dimensions']:,} dimensions and {results['codes_per_image']} codes."
    )
    if paper:
        text += (
            "\n\nThe paper's column is for all of CIFAR-10 after 250,000 steps at a width of 256. On the full set one Gaussian on dequantised pixels reaches "
            "about the same 4.67 without any latents, so the figure says less about images than it seems to."
        )
    if binary:
        text += "\n\nThe likelihood is Bernoulli: bits are those of images in black and white, which are not comparable with bits of 8-bit images."
    return Section(
        title="Bits per dimension",
        text=text,
        tables=(
            Table(
                columns=(
                    "model",
                    "latents",
                    "images",
                    "reconstruction",
                    "latents, bits/dim",
                    "bits/dim",
                    "standard error",
                    "paper",
                ),
                rows=tuple(rows),
                emphasis=0,
            ),
        ),
        figures=(
            Picture(
                source=curves(_metrics(evidence, results), "bound_nll_bits", "bits/dim, held out"),
                caption=f"the bound on validation images over time of training; the {model_name(results)}'s under a uniform prior",
                alt="curves of bits per dimension",
            ),
        ),
    )


def _bounds(results: dict[str, Any], paper: bool) -> list[tuple[Any, ...]]:
    rows = []
    for number, one in enumerate(results["bits_per_dimension"]):
        scale = one["total_nats"] / one["bits_per_dimension"] if one["bits_per_dimension"] else 1.0
        parts = [None if nats is None else nats / scale for nats in (one["reconstruction_nats"], one["latent_nats"])]
        again = number and one["model"] == results["bits_per_dimension"][0]["model"]  # the same under another prior
        known = PAPER.get(one["model"]) if paper and not again else None
        total, error = one["bits_per_dimension"], one["standard_error"]
        rows.append((one["model"], one["latents"], one["images"], *parts, total, error, known))
    return rows


def _yardsticks(results: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = {
        "histogram_bits": "pixels from each channel's histogram",
        "gaussian_bits": "one Gaussian, full covariance, on pixels with noise",
    }
    images, found = results["bits_per_dimension"][0]["images"], results["yardsticks"]
    return [
        (name, "no latents", images, None, None, found[key], None, None)
        for key, name in names.items()
        if found[key] is not None
    ]


def _metrics(evidence: Evidence, results: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    runs = {model_name(results): read_metrics(RunDirectory(evidence.out).metrics)}
    for name in evidence.settings.baselines:
        runs[name.upper()] = read_metrics(RunDirectory(evidence.out / "baselines" / name).metrics)
    return runs
