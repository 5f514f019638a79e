"""The contents of the recipe's ``results.json``, and its main numbers in lines."""

from __future__ import annotations

from typing import Any

from vqspeech.config import plain
from vqspeech.experiments import Result, Results
from vqspeech.experiments.analyses import analysis_results
from vqspeech.experiments.facts import versions
from vqspeech_recipes.vctk.decoders import DecoderRun
from vqspeech_recipes.vctk.judging import judged, judged_lines
from vqspeech_recipes.vctk.settings import VctkSettings

LIKELIHOODS = ("nll_bits_per_sample", "nll_shuffled_codes_bits_per_sample", "criterion")

DISTRIBUTIONS = ("vqspeech", "torch", "torchaudio", "librosa", "numpy", "scikit-learn")


def collect(made: Results, settings: VctkSettings) -> Result:
    """Return the contents of ``results.json`` from the results of the stages.

    What depends on the decoder is that of the model's own; ``decoders`` has it for each, in order.
    """
    decoders = {one.name: _decoder(made, one) for one in settings.decoders}
    own = settings.decoders[0].name
    trained, coded, converted = made["train"], made["encode"], made[f"convert/{own}"]
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
        **{key: decoders[own][key] for key in LIKELIHOODS},
        "phonemes": phonemes["summary"],
        "phonemes_reason": phonemes["reason"],
        "alignments": made.get("align"),
        "analyses": {name: analysis["summary"] for name, analysis in analyses.items() if name != "phonemes"},
        "reconstruction": decoders[own]["reconstruction"],
        "conversion": converted["scores"],
        "conversion_reason": converted["reason"],
        "judged": judged(made),
        "sampling": decoders[own]["sampling"],
        "decoder": own,
        "decoders": decoders,
        "checkpoint": trained["checkpoint"],
        "config": plain(settings.run),
        "versions": versions(*DISTRIBUTIONS),
    }


def _decoder(made: Results, decoder: DecoderRun) -> Result:
    """Return what `collect` returns of one decoder."""
    trained, rebuilt = made[decoder.stage], made[f"reconstruct/{decoder.name}"]
    validation = trained["validation"]
    return {
        "decoder": decoder.run.model["decoder"],
        "train": plain(decoder.run)["train"],
        "steps": trained["steps"],
        "train_seconds": trained["seconds"],
        "decoder_path": trained["decoder_path"],
        "codebook": trained["codebook"],
        "nll_bits_per_sample": validation.get("nll_bits"),
        "nll_shuffled_codes_bits_per_sample": validation.get("shuffled_nll_bits"),
        "criterion": _criterion(validation),
        "reconstruction": rebuilt["scores"],
        "conversion": made[f"convert/{decoder.name}"]["scores"],
        "sampling": rebuilt["sampling"],
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
    lines = judged_lines(results)
    scores = results["phonemes"]
    if scores:
        lines.append(
            f"phonemes: {scores['accuracy']:.1%} of {scores['frames']} frames named by the codes; "
            f"k-means on MFCC {scores['kmeans_mfcc']:.1%}, random codes {scores['random_codes']:.1%}, "
            f"most frequent phone {scores['prior']:.1%}"
        )
    lines.append(f"codes used: {results['codes_used']} of {results['codebook_size']}")
    for name, decoder in results["decoders"].items():
        lines += [f"{name}: {line}" for line in _decoder_lines(decoder)]
    return lines


def _decoder_lines(decoder: Result) -> list[str]:
    """Return the main numbers of a decoder, one per line."""
    lines = [f"{decoder['steps']} steps in {decoder['train_seconds'] / 60:.1f} min"]
    nll, shuffled, criterion = (decoder[key] for key in LIKELIHOODS)
    if nll is not None:
        reference = f", {shuffled:.3f} with the codes shuffled" if shuffled is not None else ""
        lines.append(f"negative log-likelihood {nll:.3f} bit/sample{reference}")
    elif criterion is not None:
        reference = f"{criterion['shuffled_codes']:.3f} with the codes shuffled"
        lines.append(f"{criterion['name']} {criterion['value']:.3f}, {reference}")
    rebuilt = decoder["reconstruction"]
    if rebuilt:
        other = rebuilt["other_utterance_db"]
        reference = f", to another utterance {other:.1f} dB" if other is not None else ""
        lines.append(f"reconstructions: log-mel distance {rebuilt['log_mel_distance_db']:.1f} dB{reference}")
    converted = decoder["conversion"]
    if converted and converted.get("target_speaker_accuracy") is not None:
        lines.append(
            f"conversions: {converted['target_speaker_accuracy']:.0%} of {converted['pairs']} classified as the target "
            f"speaker, {converted['source_speaker_accuracy']:.0%} as the source"
        )
    return lines
