"""The contents of the recipe's ``results.json``, and its main numbers in lines."""

from __future__ import annotations

from typing import Any

from vqspeech.config import plain
from vqspeech.experiments import Result, Results
from vqspeech.experiments.analyses import analysis_results
from vqspeech.experiments.facts import versions
from vqspeech_recipes.vctk.settings import VctkSettings

DISTRIBUTIONS = ("vqspeech", "torch", "torchaudio", "librosa", "numpy", "scikit-learn")


def collect(made: Results, settings: VctkSettings) -> Result:
    """Return the contents of ``results.json`` from the results of the stages."""
    trained, coded, rebuilt, converted = (made[name] for name in ("train", "encode", "reconstruct", "convert"))
    analyses = analysis_results(made)
    phonemes = analyses.get("phonemes", {"summary": None, "reason": "the analysis `phonemes` was not requested"})
    return {
        "corpus": made["prepare"]["corpus"],
        "seed": settings.run.seed,
        "steps": trained["steps"],
        "train_seconds": trained["seconds"],
        "decoder_path": trained.get("decoder_path"),
        "frame_rate_hz": coded["frame_rate_hz"],
        "codebook_size": _one_or_all(coded, "size"),
        "codes_used": _one_or_all(coded, "codes_used"),
        "perplexity": _one_or_all(coded, "perplexity"),
        "bits_per_second": coded["bits_per_second"],
        "entropy_bits_per_second": coded["entropy_bits_per_second"],
        "nll_bits_per_sample": trained["validation"].get("nll_bits"),
        "nll_shuffled_codes_bits_per_sample": trained["validation"].get("shuffled_nll_bits"),
        "criterion": _criterion(trained["validation"]),
        "phonemes": phonemes["summary"],
        "phonemes_reason": phonemes["reason"],
        "analyses": {name: analysis["summary"] for name, analysis in analyses.items() if name != "phonemes"},
        "reconstruction": rebuilt["scores"],
        "conversion": converted["scores"],
        "conversion_reason": converted["reason"],
        "sampling": rebuilt["sampling"],
        "checkpoint": trained["checkpoint"],
        "config": plain(settings.run),
        "versions": versions(*DISTRIBUTIONS),
    }


def _criterion(validation: Result) -> Result | None:
    """Return the held-out criterion, and its value with the codes of another utterance."""
    for key, shuffled in validation.items():
        if key.startswith("shuffled_"):
            name = key.removeprefix("shuffled_")
            return {"name": name, "value": validation[name], "shuffled_codes": shuffled}
    return None


def _one_or_all(coded: Result, key: str) -> Any:
    values = [book[key] for book in coded["codebooks"]]
    return values if len(values) > 1 else values[0]


def summary(results: Result) -> list[str]:
    """Return the main numbers, one per line."""
    lines = []
    scores = results["phonemes"]
    if scores:
        lines.append(
            f"phonemes: {scores['accuracy']:.1%} of {scores['frames']} frames named by the codes; "
            f"k-means on MFCC {scores['kmeans_mfcc']:.1%}, random codes {scores['random_codes']:.1%}, "
            f"most frequent phone {scores['prior']:.1%}"
        )
    lines.append(f"codes used: {results['codes_used']} of {results['codebook_size']}")
    nll, shuffled = results["nll_bits_per_sample"], results["nll_shuffled_codes_bits_per_sample"]
    criterion = results["criterion"]
    if nll is not None:
        reference = f", {shuffled:.3f} with the codes shuffled" if shuffled is not None else ""
        lines.append(f"negative log-likelihood: {nll:.3f} bit/sample{reference}")
    elif criterion is not None:
        reference = f"{criterion['shuffled_codes']:.3f} with the codes shuffled"
        lines.append(f"{criterion['name']}: {criterion['value']:.3f}, {reference}")
    rebuilt = results["reconstruction"]
    if rebuilt:
        other = rebuilt["other_utterance_db"]
        reference = f", to another utterance {other:.1f} dB" if other is not None else ""
        lines.append(
            f"reconstruction (free-running): log-mel distance {rebuilt['log_mel_distance_db']:.1f} dB{reference}"
        )
    converted = results["conversion"]
    if converted and converted.get("target_speaker_accuracy") is not None:
        lines.append(
            f"conversion: {converted['target_speaker_accuracy']:.0%} of {converted['pairs']} classified as the target "
            f"speaker, {converted['source_speaker_accuracy']:.0%} as the source"
        )
    return lines
