"""The contents of ``results.json`` of a recipe on images, and its main numbers in lines."""

from __future__ import annotations

from vqspeech.config import plain
from vqspeech.experiments import Result, Results
from vqspeech.experiments.facts import versions
from vqspeech_image.recipes.settings import ImageSettings

DISTRIBUTIONS = ("vqspeech", "vqspeech-image", "torch", "numpy", "pillow")


def collect(made: Results, settings: ImageSettings) -> Result:
    """Return the contents of ``results.json`` from the results of the stages."""
    measured, rebuilt, encoded = made["evaluate"], made["reconstruct"], made["encode"]
    books = encoded["codebooks"]
    return {
        "corpus": made["prepare"]["corpus"],
        "seed": settings.run.seed,
        "preset": settings.preset,
        "evaluated_on": measured["split"],
        "steps": made["train"]["steps"],
        "train_seconds": made["train"]["seconds"],
        "priors": made["prior"],
        "second": {**made["second"], **(measured["second"] or {})} or None,
        "baselines": made["baselines"],
        "bits_per_dimension": measured["accounts"],
        "yardsticks": measured["yardsticks"],
        "nats_per_code": measured["nats_per_code"],
        "codes_per_image": measured["codes_per_image"],
        "levels": [{**grid, **cost} for grid, cost in zip(encoded["levels"], measured["levels"], strict=True)],
        "codebook_size": [book["size"] for book in books],
        "codes_used": [book["codes_used"] for book in books],
        "perplexity": [book["perplexity"] for book in books],
        "psnr_db": rebuilt["psnr_db"],
        "sampling": made["sample"],
        "config": plain(settings.run),
        "second_config": plain(settings.second) if settings.second else None,
        "prior_configs": {name: plain(config) for name, config in settings.priors.items()},
        "versions": versions(*DISTRIBUTIONS),
    }


def summary(results: Result) -> list[str]:
    """Return the main numbers, one per line."""
    lines = [
        f"{one['model']}: {one['bits_per_dimension']:.3f} bits/dim ({one['latents']})"
        for one in results["bits_per_dimension"]
    ]
    for level in results["levels"]:
        nats, name = level["nats_per_code"], f"prior {level['name']}".strip()
        lines.append(
            f"{name}: {nats['prior']:.3f} nats per code, by frequency {nats['unigram']:.3f}, "
            f"uniform {nats['uniform']:.3f}"
        )
    if results["second"]:
        nats = results["second"]["nats_per_code"]
        entropies = ", ".join(f"{bits:.2f}" for bits in results["second"]["entropy_bits"])
        lines.append(
            f"second stage: {nats['true']:.3f} nats per code, {nats['shuffled']:.3f} with the latents of another "
            f"image; entropies {entropies} bits"
        )
    psnr = results["psnr_db"][results["config"]["model"]["kind"]]
    used, sizes = results["codes_used"], results["codebook_size"]
    return [*lines, f"reconstruction: {psnr:.1f} dB PSNR; codes used {used} of {sizes}"]
