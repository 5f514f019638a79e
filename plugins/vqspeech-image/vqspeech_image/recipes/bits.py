"""The section on bits per dimension: bounds with their terms, references, the paper's figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vqspeech.experiments import Result
from vqspeech.report import Picture, Section, Table
from vqspeech_image.recipes.evaluating import MODELS

PAPER = {"VQ-VAE": 4.67, "VAE": 4.51, "VIMCO": 5.14}
"""Bits per dimension of CIFAR-10 in van den Oord et al. 2017, section 4.1, after 250,000 steps."""

REFERENCES = {
    "histogram_bits": "pixels from each channel's histogram",
    "gaussian_bits": "one Gaussian, full covariance, on pixels with noise",
}

COLUMNS = (
    "model", "latents", "images", "reconstruction", "latents, bits/dim", "bits/dim", "standard error", "paper",
)  # fmt: skip


def bits_section(results: Result, picture: Path) -> Section:
    """Return the section; `picture` shows the bound over time of training."""
    model = results["config"]["model"]
    binary, paper = model["likelihood"] == "bernoulli", results["corpus"]["name"] == "cifar10"
    rows = _bounds(results, paper) + ([] if binary else _references(results))
    text = (
        "Every row is an upper bound of -log2 p(x) per dimension: [reconstruction + cost of the latents] in nats, "
        "divided by dimensions times log 2. "
        f"An image has {results['bits_per_dimension'][0]['dimensions']:,} dimensions and "
        f"{results['codes_per_image']} codes."
    )
    if paper:
        text += (
            "\n\nThe paper's column is for all of CIFAR-10 after 250,000 steps at a width of 256. On the full set one "
            "Gaussian on dequantised pixels reaches about the same 4.67 without any latents, so the figure says less "
            "about images than it seems to."
        )
    if binary:
        text += (
            "\n\nThe likelihood is Bernoulli: bits are those of images in black and white, which do not compare with "
            "bits of 8-bit images."
        )
    return Section(
        title="Bits per dimension",
        text=text,
        tables=(Table(columns=COLUMNS, rows=tuple(rows), emphasis=0),),
        figures=(
            Picture(
                source=picture,
                caption="the bound on validation images over time of training; "
                f"the {MODELS[model['kind']]}'s under a uniform prior",
                alt="curves of bits per dimension",
            ),
        ),
    )


def _bounds(results: Result, paper: bool) -> list[tuple[Any, ...]]:
    rows = []
    first = results["bits_per_dimension"][0]
    for number, one in enumerate(results["bits_per_dimension"]):
        total, error = one["bits_per_dimension"], one["standard_error"]
        nats_per_bit = one["total_nats"] / total if total else 1.0
        terms = (one["reconstruction_nats"], one["latent_nats"])
        bits = [None if nats is None else nats / nats_per_bit for nats in terms]
        # Later rows of the recipe's own model are the same model under another prior.
        known = PAPER.get(one["model"]) if paper and (not number or one["model"] != first["model"]) else None
        rows.append((one["model"], one["latents"], one["images"], *bits, total, error, known))
    return rows


def _references(results: Result) -> list[tuple[Any, ...]]:
    images, references = results["bits_per_dimension"][0]["images"], results["yardsticks"]
    return [
        (name, "no latents", images, None, None, references[key], None, None)
        for key, name in REFERENCES.items()
        if references[key] is not None
    ]
