"""The top of the recipe's page: what was run, and its main numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vqspeech.experiments import Result
from vqspeech.experiments.facts import describe
from vqspeech.report import Headline
from vqspeech_recipes.vctk.judging import judged_headlines

HELD_OUT = "Held-out crops; a decoder that ignored its codes would show no difference."


def facts(results: Result, coded: Result, choices: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return what was run, as (name, value) pairs.

    Parameters
    ----------
    results : as in ``results.json``
    coded : result of the stage ``encode``
    choices : sentences on what was chosen for the user
    """
    corpus, model = results["corpus"], results["config"]["model"]
    pairs = [
        ("Data", describe(corpus)),
        (
            "Encoder",
            f"{_encoder(model['encoder'])}, one code every {coded['hop_samples']} samples "
            f"({results['frame_rate_hz']:g} Hz)",
        ),
        (
            "Quantizer",
            f"{model['quantizer']['name']}, {results['codebook_size']} codes, {results['bits_per_second']:.0f} bit/s",
        ),
        ("Deviations from the paper", ", ".join(_deviations(model)) or "none"),
    ]
    for name, decoder in results["decoders"].items():
        train, own = decoder["train"], name == results["decoder"]
        path = f", decoder path {decoder['decoder_path']}" if decoder["decoder_path"] else ""
        parts = "with encoder and codebook" if own else "on the frozen codes"
        pairs.append(
            (
                f"Decoder {name}",
                f"{_decoder(decoder['decoder'])}; trained {parts}: {decoder['steps']} steps of {train['batch_size']} "
                f"crops in {decoder['train_seconds'] / 60:.1f} min, seed {results['seed']}{path}",
            )
        )
    if corpus["skipped"]:
        pairs.append(("Skipped files", str(corpus["skipped"])))
    return (*pairs, *(("Choice", sentence) for sentence in choices))


def _encoder(table: Mapping[str, Any]) -> str:
    name = table.get("name", "conv")
    front_end = table.get("front_end", {}).get("kind")
    return f"{name} on {'the waveform' if front_end == 'waveform' else front_end}" if front_end else name


def _decoder(table: Mapping[str, Any]) -> str:
    if table.get("name") == "harmonic":
        return f"pulses at F0 and noise through predicted spectra, {table['channels']} channels, speaker embedding"
    if table.get("name", "wavenet") != "wavenet":
        options = [f"{key} = {value}" for key, value in table.items() if key != "name"]
        return f"{table['name']}{' with ' if options else ''}{', '.join(options)}"
    layers = table["cycles"] * table["layers_per_cycle"]
    return f"WaveNet, {layers} layers of {table['residual_channels']} channels, speaker embedding"


def _deviations(model: Mapping[str, Any]) -> list[str]:
    """Training aids that the paper does not have."""
    deviations = []
    spectral = model.get("spectral", {}).get("weight", 0)
    if spectral:
        deviations.append(f"spectral head, weight {spectral:g}")
    gradient = model.get("decoder_gradient", 1)
    if gradient != 1:
        deviations.append(f"{gradient:.0%} of the decoder's gradient reaches the codes")
    noise = model.get("past_noise", model["decoder"].get("past_noise", 0))
    if noise:
        deviations.append(f"noise of up to {noise:g} levels on the decoder's past")
    jitter = model.get("jitter", 0)
    if jitter:
        deviations.append(f"jitter of codes, {jitter:g}")
    return deviations


def headlines(results: Result) -> tuple[Headline, ...]:
    """Return the main numbers of the page; those that were not computed are omitted."""
    items = list(judged_headlines(results))
    scores = results["phonemes"]
    if scores:
        items.append(
            Headline(
                name="frames whose phone the code names",
                value=f"{100 * scores['accuracy']:.1f}",
                unit="%",
                comparison=f"k-means on MFCC {100 * scores['kmeans_mfcc']:.1f} %, "
                f"random codes {100 * scores['random_codes']:.1f} %",
                explanation="Each code is mapped to its most frequent phone, on the same frames.",
            )
        )
    items += [one for name, decoder in results["decoders"].items() for one in _likelihood(name, decoder)]
    if results["reconstruction"]:
        rebuilt = results["reconstruction"]
        distance_db = rebuilt["other_utterance_db"]
        other = f"{distance_db:.1f} dB to another utterance" if distance_db is not None else ""
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
                name="conversions classified as the target speaker",
                value=f"{100 * conversion['target_speaker_accuracy']:.0f}",
                unit="%",
                comparison=f"as the source {100 * conversion['source_speaker_accuracy']:.0f} %, "
                f"chance {100 * conversion['chance']:.1f} %",
                explanation="By a classifier fitted on original recordings.",
            )
        )
    return tuple(items)


def _likelihood(name: str, decoder: Result) -> list[Headline]:
    """Return the held-out criterion of a decoder, likelihoods in bits; empty without one."""
    what, value = "negative log-likelihood", decoder["nll_bits_per_sample"]
    shuffled = decoder["nll_shuffled_codes_bits_per_sample"]
    unit, form = "bit/sample", ".2f"
    if value is None:
        if decoder["criterion"] is None:
            return []
        what, value, shuffled = (decoder["criterion"][key] for key in ("name", "value", "shuffled_codes"))
        unit, form = "", ".3g"
    other = f"{shuffled:{form}} with the codes of another utterance" if shuffled is not None else ""
    return [
        Headline(name=f"{what}, {name}", value=f"{value:{form}}", unit=unit, comparison=other, explanation=HELD_OUT)
    ]
