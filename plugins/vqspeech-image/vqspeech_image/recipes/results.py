"""What a run of a recipe on images found: results.json, and its main figures in lines."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vqspeech.config import plain
from vqspeech.files import write_json
from vqspeech_image.recipes.settings import Settings
from vqspeech_image.store import ImageStore

MODELS = {"vqvae": "VQ-VAE", "vqvae2": "VQ-VAE-2", "vae": "VAE", "vimco": "VIMCO"}
"""Kind of a model -> how it is called."""

VERSIONS = ("vqspeech", "vqspeech-image", "torch", "numpy", "pillow")


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Everything the page shows: the run directory, its images, and what the stages found."""

    out: Path
    title: str
    settings: Settings
    store: ImageStore
    stages: dict[str, dict[str, Any]]
    command: str


def results_of(evidence: Evidence) -> dict[str, Any]:
    """The contents of results.json."""
    stages, corpus = evidence.stages, evidence.store.corpus
    measured, rebuilt, encoded = stages["evaluate"], stages["reconstruct"], stages["encode"]
    books = encoded["codebooks"]
    return {
        "corpus": {
            "name": corpus.name,
            "variant": corpus.variant,
            "images": stages["prepare"]["counts"],
            "skipped": stages["prepare"]["skipped"],
            "stand_in": evidence.store.stand_in,
            "fingerprint": evidence.store.fingerprint,
        },
        "seed": evidence.settings.run.seed,
        "preset": evidence.settings.preset,
        "evaluated_on": measured["split"],
        "steps": stages["train"]["steps"],
        "train_seconds": stages["train"]["seconds"],
        "priors": stages["prior"],
        "second": {**stages["second"], **(measured["second"] or {})} or None,
        "baselines": stages["baselines"],
        "bits_per_dimension": measured["accounts"],
        "yardsticks": measured["yardsticks"],
        "nats_per_code": measured["nats_per_code"],
        "codes_per_image": measured["codes_per_image"],
        "levels": [{**grid, **cost} for grid, cost in zip(encoded["levels"], measured["levels"], strict=True)],
        "codebook_size": [book["size"] for book in books],
        "codes_used": [book["codes_used"] for book in books],
        "perplexity": [book["perplexity"] for book in books],
        "psnr_db": rebuilt["psnr_db"],
        "sampling": stages["sample"],
        "config": plain(evidence.settings.run),
        "second_config": plain(evidence.settings.second) if evidence.settings.second else None,
        "prior_configs": {name: plain(config) for name, config in evidence.settings.priors.items()},
        "versions": {name: version(name) for name in VERSIONS} | {"python": sys.version.split()[0]},
    }


def model_name(results: dict[str, Any]) -> str:
    """How the model of a run is called."""
    return MODELS[results["config"]["model"]["kind"]]


def write_results(path: Path, results: dict[str, Any]) -> Path:
    """Write results.json, whole or not at all; returns its path."""
    return write_json(path, results)


def summary(results: dict[str, Any], path: Path) -> str:
    """The main numbers, a line each."""
    lines = [f"results: {path}"]
    for one in results["bits_per_dimension"]:
        lines.append(f"{one['model']}: {one['bits_per_dimension']:.3f} bits/dim ({one['latents']})")
    for level in results["levels"]:
        nats, name = level["nats_per_code"], f"prior {level['name']}".strip()
        lines.append(
            f"{name}: {nats['prior']:.3f} nats per code, by frequency {nats['unigram']:.3f}, uniform {nats['uniform']:.3f}"
        )
    if results["second"]:
        nats = results["second"]["nats_per_code"]
        entropies = ", ".join(f"{bits:.2f}" for bits in results["second"]["entropy_bits"])
        lines.append(
            f"second stage: {nats['true']:.3f} nats per code, {nats['shuffled']:.3f} with the latents of another image; entropies {entropies} bits"
        )
    lines.append(
        f"reconstruction: {results['psnr_db'][results['config']['model']['kind']]:.1f} dB PSNR; codes used {results['codes_used']} of {results['codebook_size']}"
    )
    return "\n".join(lines)
