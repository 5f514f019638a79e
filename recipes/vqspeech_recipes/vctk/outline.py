"""The top of the recipe's page: what was run, and its main figures."""

from __future__ import annotations

from typing import Any

from vqspeech.config import ModelConfig
from vqspeech.report import Headline


def facts(results: dict[str, Any], model: ModelConfig, choices: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What was run, as (name, value) pairs.

    Parameters
    ----------
    results : as in results.json
    model : its configuration
    choices : sentences that tell what was chosen for the user
    """
    corpus, config = results["corpus"], results["config"]
    front = model.encoder.front_end.kind
    decoder = model.decoder
    listed = [
        (
            "Data",
            f"{corpus['variant']}, {corpus['utterances']} utterances of {corpus['speakers']} speakers, {corpus['minutes']:.1f} min",
        ),
        (
            "Encoder",
            f"{'the waveform' if front == 'waveform' else front}, one code every {model.encoder.hop_samples} samples ({results['frame_rate_hz']:g} Hz)",
        ),
        (
            "Quantizer",
            f"{model.quantizer['name']}, {results['codebook_size']} codes, {results['bits_per_second']:.0f} bit/s",
        ),
        (
            "Decoder",
            f"WaveNet, {len(decoder.dilations)} layers of {decoder.residual_channels} channels, speaker embedding",
        ),
        ("Help beyond the paper", ", ".join(_helps(model)) or "none"),
        (
            "Training",
            f"{results['steps']} steps of {config['train']['batch_size']} crops in {results['train_seconds'] / 60:.1f} min, seed {results['seed']}",
        ),
    ]
    if corpus["skipped"]:
        listed.append(("Skipped files", str(corpus["skipped"])))
    listed += [("Choice", sentence) for sentence in choices]
    return tuple(listed)


def _helps(model: ModelConfig) -> list[str]:
    """What the training of a model has that the paper's has not."""
    helps = []
    if model.spectral.weight:
        helps.append(f"spectral head, weight {model.spectral.weight:g}")
    if model.decoder_gradient != 1:
        helps.append(f"{model.decoder_gradient:.0%} of the decoder's gradient reaches the codes")
    if model.past_noise:
        helps.append(f"noise of up to {model.past_noise:g} levels on the decoder's past")
    if model.jitter:
        helps.append(f"jitter of codes, {model.jitter:g}")
    return helps


def headlines(results: dict[str, Any]) -> tuple[Headline, ...]:
    """The figures at the top of the page; those that were not computed are left out."""
    items = []
    scores = results["phonemes"]
    if scores:
        items.append(
            Headline(
                name="frames whose phone the code names",
                value=f"{100 * scores['accuracy']:.1f}",
                unit="%",
                comparison=f"k-means on MFCC {100 * scores['kmeans_mfcc']:.1f} %, random codes {100 * scores['random_codes']:.1f} %",
                explanation="Each code is mapped to its most frequent phone, on the same frames.",
            )
        )
    nll, shuffled = results["nll_bits_per_sample"], results["nll_shuffled_codes_bits_per_sample"]
    if nll is not None:
        items.append(
            Headline(
                name="negative log-likelihood",
                value=f"{nll:.2f}",
                unit="bit/sample",
                comparison=f"{shuffled:.2f} with the codes of another utterance",
                explanation="Held-out crops; a decoder that ignored its codes would show no difference.",
            )
        )
    if results["reconstruction"]:
        rebuilt = results["reconstruction"]
        other = f"{rebuilt['yardstick_db']:.1f} dB to another utterance" if rebuilt["yardstick_db"] is not None else ""
        items.append(
            Headline(
                name="log-mel distance of reconstructions",
                value=f"{rebuilt['log_mel_distance_db']:.1f}",
                unit="dB",
                comparison=other,
                explanation="Free-running samples, not teacher-forced.",
            )
        )
    conversion = results["conversion"]
    if conversion and conversion.get("target_speaker_accuracy") is not None:
        items.append(
            Headline(
                name="conversions heard as the target speaker",
                value=f"{100 * conversion['target_speaker_accuracy']:.0f}",
                unit="%",
                comparison=f"as the source {100 * conversion['source_speaker_accuracy']:.0f} %, chance {100 * conversion['chance']:.1f} %",
                explanation="By a classifier fitted on original recordings.",
            )
        )
    return tuple(items)
