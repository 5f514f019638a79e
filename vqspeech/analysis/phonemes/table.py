"""The phoneme analysis as text for a terminal, and the scores by which runs are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vqspeech.analysis.phonemes.baselines import RANDOM
from vqspeech.analysis.phonemes.scores import CODES
from vqspeech.analysis.summary import aligned

_SHOWN = 12
"""Unknown labels that are named in text."""

Result = Mapping[str, Any]
"""What `vqspeech.analysis.phonemes.scores.PhonemeScores.summary` returns."""


def main_scores(result: Result) -> dict[str, float | None]:
    """Return the scores that runs are compared by, and baselines, as shares or None."""
    codes, speaker = result["units"][CODES], result["speaker"]
    return {
        "accuracy": result["accuracy"],
        "other speakers": result["accuracy_other_speakers"],
        "above k-means": result["above_kmeans"],
        "trigram, other sp.": codes["trigram"]["other_speakers"],
        "PNMI": codes["clusters"]["pnmi"],
        "AMI": codes["clusters"]["ami"],
        "F1 20 ms": codes["boundaries_20ms"]["f1"],
        "ABX within": result["abx_angle_within"],
        "ABX across": result["abx_angle_across"],
        "ABX within, equality": codes["abx_within"],
        "ABX across, equality": codes["abx_across"],
        "bit/s": codes["bits_per_second"]["entropy"],
        "codes per second": result["frame_rate_hz"],
        "codes": result["codes"],
        "speaker, frame": speaker and speaker["frame_codes"],
        "speaker, utt.": speaker and speaker["utterance_codes"],
        "most frequent phone": result["prior"],
        "random codes": result["random_codes"],
        "k-means, training audio": result["kmeans_mfcc_training_audio"],
        "k-means, scored audio": result["kmeans_mfcc"],
    }


def table(result: Result) -> list[str]:
    """Return the lines of one run: what was scored, a row per labelling, further scores. Shares in %."""
    columns = ("accuracy", "95 %", "other sp.", "trigram", "PNMI", "AMI", "V", "F1 20ms", "F1 frame", "ABX in")
    rows: list[tuple[str, ...]] = [("", *columns, "ABX across", "bit/s")]
    for name, unit in result["units"].items():
        accuracy = result["random_codes"] if name == RANDOM else unit["accuracy"]
        interval = f"{_percent(unit['ci95'][0])}-{_percent(unit['ci95'][1])}" if unit["ci95"] else "-"
        rows.append(
            (
                name,
                _percent(accuracy),
                interval,
                _percent(unit["accuracy_other_speakers"]),
                _percent(unit["trigram"]["other_speakers"]),
                *(_percent(unit["clusters"][key]) for key in ("pnmi", "ami", "v_measure")),
                *(_percent(unit[key]["f1"]) for key in ("boundaries_20ms", "boundaries_frame")),
                *(_percent(unit[key]) for key in ("abx_within", "abx_across")),
                f"{unit['bits_per_second']['entropy']:.0f}",
            )
        )
    prior = (_percent(result["prior"]), "-", _percent(result["prior_other_speakers"]))
    rows.append(("most frequent phone", *prior, *["-"] * 9))
    return [*scored(result), "", *aligned(rows), "", *_further(result)]


def scored(result: Result) -> list[str]:
    """Return lines on which frames were scored, how they were labelled, and what was omitted."""
    dropped = result["dropped"]
    by = "at its centre" if result["labels_by"] == "centre" else "that covers most of it"
    lines = [
        f"{result['frames']} frames at {result['frame_rate_hz']:g} Hz of {result['utterances']} utterances, "
        f"{result['speakers']} speakers; K = {result['codes']}, {result['phones']} phones ({result['inventory']}); "
        f"a code has the phone {by}; silence {'excluded' if result['excludes_silence'] else 'included'}",
        f"left out: {dropped['silence']} silent frames, {dropped['uncovered']} that no phone covers, "
        f"{dropped['beyond_audio']} beyond the audio; {dropped['without_alignment']} utterances without an alignment",
    ]
    if result["labels_from"]:
        lines.append(f"phones from: {result['labels_from']}")
    if result["learned_from_phones"]:
        lines.append("the codes learned from phone labels in training (model.phones)")
    if dropped["ends_apart"]:
        lines.append(
            f"warning: {dropped['ends_apart']} alignments end more than 0.25 s before or after their audio; "
            "are they of other recordings?"
        )
    if dropped["alignments_of_others"]:
        lines.append(f"warning: {dropped['alignments_of_others']} alignments of utterances that were not encoded")
    if unknown := result["unknown_phones"]:
        often = sorted(unknown.items(), key=lambda item: -item[1])
        named = ", ".join(f"{label!r} ({count})" for label, count in often[:_SHOWN])
        named += f" and {len(often) - _SHOWN} more" if len(often) > _SHOWN else ""
        lines.append(f"warning: {result['inventory']} does not know these labels, which are scored as written: {named}")
    return lines


def _further(result: Result) -> list[str]:
    lines = []
    low, high = result["above_kmeans_ci95"] or (None, None)
    interval = f" (95 %: {100 * low:+.1f} to {100 * high:+.1f})" if low is not None and high is not None else ""
    lines.append(f"above the best k-means: {100 * result['above_kmeans']:+.1f} points{interval}")
    if result["accuracy_other_speakers"] is not None:
        loss = 100 * (result["accuracy"] - result["accuracy_other_speakers"])
        lines.append(f"loss when the map is fitted on other speakers: {loss:.1f} points")
    if result["abx_angle_within"] is not None:
        angles = [_percent(result[f"abx_angle_{side}"]) for side in ("within", "across")]
        mfcc = [_percent(result[f"abx_mfcc_{side}"]) for side in ("within", "across")]
        lines.append(
            f"ABX error by the angle between code vectors: {angles[0]} within, {angles[1]} across speakers; "
            f"13 MFCC: {mfcc[0]} and {mfcc[1]}; chance 50.0"
        )
    if speaker := result["speaker"]:
        lines += _speaker(speaker)
    rate = result["units"][CODES]["bits_per_second"]
    lines.append(
        f"{rate['codes_used']} codes used, perplexity {rate['perplexity']:.1f}; bit/s: nominal {rate['nominal']:.0f}, "
        f"entropy {rate['entropy']:.0f}, adaptive coder {rate['adaptive']:.0f}, "
        f"after the code before {rate['adaptive_order_1']:.0f}"
    )
    if result["codebooks"]:
        each = ", ".join(f"{number}: {_percent(value)}" for number, value in enumerate(result["codebooks"]))
        lines.append(f"accuracy of each codebook alone: {each}")
    by_recall = sorted(result["per_phone"].items(), key=lambda item: -item[1])
    lines.append("best named: " + ", ".join(f"{phone} {_percent(share)}" for phone, share in by_recall[:6]))
    lines.append("never named: " + (", ".join(phone for phone, share in by_recall if share == 0) or "none"))
    return lines


def _speaker(speaker: Mapping[str, Any]) -> list[str]:
    parts = [
        f"from {source}: codes {_percent(speaker[f'{key}_codes'])}, MFCC {_percent(speaker[f'{key}_mfcc'])}, "
        f"chance {_percent(speaker[f'{key}_chance'])}"
        for key, source in (("frame", "one frame"), ("utterance", "an utterance"))
    ]
    return [
        f"speaker named {'; '.join(parts)}",
        f"I(code; speaker) = {speaker['information_bits']:.3f} bit of "
        f"H(speaker) = {speaker['speaker_entropy_bits']:.2f} bit",
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
