"""The contents of the recipe's ``results.json``, and its main numbers in lines."""

from __future__ import annotations

from typing import Any

from vqspeech.analysis.sampled.compare import HELD_OUT
from vqspeech.analysis.sampled.ngram_draws import NAMES
from vqspeech.config import plain
from vqspeech.experiments import Result, Results
from vqspeech.experiments.facts import versions
from vqspeech_recipes.prior.settings import PriorSettings

NGRAMS = tuple(NAMES.values())

DISTRIBUTIONS = ("vqspeech", "torch", "numpy", "scipy")


def collect(made: Results, settings: PriorSettings) -> Result:
    """Return the contents of ``results.json`` from the results of the stages."""
    coded, measured, codec = made["encode"], made["measure"], settings.codec
    best = min(measured["bits_per_code"][name] for name in NGRAMS[1:])
    priors = {}
    for prior in settings.priors:
        trained, drawn, bits = made[prior.stage], made[f"sample/{prior.name}"], measured["bits_per_code"][prior.name]
        priors[prior.name] = {
            "folder": prior.folder,
            **{key: trained[key] for key in ("steps", "seconds", "parameters")},
            "bits_per_code": bits,
            "fewer_than_ngrams": 1 - bits / best,
            "phone_bigrams_of_baseline": measured["phone_bigrams_of_baseline"][prior.name],
            "sampling_seconds": drawn["seconds"],
            "sampling_seconds_of_5_s": drawn["seconds_of_one"],
        }
    compared = {
        name: {**one, "nearest": {key: _without_frames(value) for key, value in one["nearest"].items()}}
        for name, one in measured["compared"].items()
    }
    return {
        "corpus": made["prepare"]["corpus"],
        "seed": settings.seed,
        "model": str(codec.path),
        "codebook_sizes": list(codec.codebook_sizes),
        "frame_rate_hz": codec.frame_rate_hz,
        "bits_per_second": codec.bits_per_second,
        "window_s": settings.window_s,
        "rows": coded["rows"],
        "frames": coded["frames"],
        "phones": {key: value for key, value in coded["phones"].items() if key not in ("phones", "phone_of")},
        "priors": priors,
        "bits_per_code": measured["bits_per_code"],
        "bits_of_codebooks": measured["bits_of_codebooks"],
        "held_out": measured["held_out"],
        "compared": compared,
        "phone_bigrams_of_baseline": measured["phone_bigrams_of_baseline"],
        "judged": judged(made),
        "config": {
            "corpus": plain(settings.corpus),
            "codes": plain(settings.codes),
            "sample": plain(settings.sample),
            "priors": {prior.name: plain(prior.run) for prior in settings.priors},
        },
        "versions": versions(*DISTRIBUTIONS),
    }


def judged(made: Results) -> dict[str, Any]:
    """Return what was judged of each set, or the reason for nothing."""
    return {key: value for key, value in made["judge"].items() if key != "rows"}


def _without_frames(value: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else {key: one for key, one in value.items() if key != "frames"}


def summary(results: Result) -> list[str]:
    """Return the main numbers, one per line."""
    bits = results["bits_per_code"]
    lines = ["held-out bits per code: " + ", ".join(f"{name} {value:.3f}" for name, value in bits.items())]
    shares = {name: value for name, value in results["phone_bigrams_of_baseline"].items() if value is not None}
    if shares:
        listed = ", ".join(f"{name} {value:.2f}" for name, value in shares.items())
        lines.append(f"divergence of phone bigrams, as a share of that of drawn code bigrams: {listed}")
    sets = results["judged"].get("sets", {})
    words = {name: one["words"] for name, one in sets.items() if one["words"]}
    if words:
        listed = ", ".join(f"{name} {one['share']:.0%}" for name, one in words.items())
        lines.append(f"clips in which a recogniser hears words: {listed}")
    if "reason" in results["judged"]:
        lines.append(f"not judged: {results['judged']['reason']}")
    nearest = {
        name: results["compared"][name]["nearest"]["all_codebooks"]["longest_s"]
        for name in (HELD_OUT, *results["priors"])
    }
    listed = ", ".join(f"{name} {value:.2f} s" for name, value in nearest.items())
    lines.append(f"longest stretch that occurs in training: {listed}")
    return lines
