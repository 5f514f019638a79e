"""The phoneme analysis as text for a terminal: codes with chance and k-means beside them, and several runs with mean and spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vqspeech.analysis.phonemes.baselines import RANDOM
from vqspeech.analysis.phonemes.score import CODES

Result = Mapping[str, Any]
"""What `vqspeech.analysis.phonemes.score.PhonemeScores.summary` gives."""

_SPREAD = {
    "accuracy": lambda r: r["accuracy"],
    "other speakers": lambda r: r["accuracy_other_speakers"],
    "above k-means": lambda r: r["above_kmeans"],
    "trigram, other sp.": lambda r: r["units"][CODES]["trigram"]["other_speakers"],
    "PNMI": lambda r: r["units"][CODES]["clusters"]["pnmi"],
    "AMI": lambda r: r["units"][CODES]["clusters"]["ami"],
    "F1 20 ms": lambda r: r["units"][CODES]["boundaries_20ms"]["f1"],
    "ABX within": lambda r: r["abx_angle_within"],
    "ABX across": lambda r: r["abx_angle_across"],
    "speaker, frame": lambda r: r["speaker"] and r["speaker"]["frame_codes"],
    "speaker, utt.": lambda r: r["speaker"] and r["speaker"]["utterance_codes"],
}
"""What is shown of each run; every value is a share, None where it was not measured."""


def over_runs(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Mean, standard deviation (n - 1), least and most of the main scores over runs, those that every run has."""
    found = {}
    for name, get in _SPREAD.items():
        values = [get(result) for result in results]
        if all(value is not None for value in values):
            found[name] = {
                "mean": float(np.mean(values)),
                "sd": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
                "min": float(min(values)),
                "max": float(max(values)),
            }
    return found


def table_of_runs(names: Sequence[str], results: Sequence[Result]) -> list[str]:
    """Several runs, a line each, then mean and standard deviation, then the baselines of the first. Shares in %."""
    spread = over_runs(results)
    rows = [["", *spread]]
    for name, result in zip(names, results, strict=True):
        rows.append([name, *(_percent(_SPREAD[key](result)) for key in spread)])
    rows.append([f"mean of {len(results)}", *(_percent(values["mean"]) for values in spread.values())])
    rows.append(["standard deviation", *(_percent(values["sd"]) for values in spread.values())])
    first = results[0]
    fair = _percent(first["kmeans_mfcc_training_audio"])
    return [
        *_aligned(rows),
        "",
        f"most frequent phone {_percent(first['prior'])}, random codes {_percent(first['random_codes'])}, k-means on MFCC fitted on the training "
        f"audio {fair}, on the scored audio {_percent(first['kmeans_mfcc'])} ({names[0]})",
    ]


def table(result: Result) -> list[str]:
    """One run: what was scored, every labelling in a line, and what stands beside. Shares in %."""
    rows = [
        ["", "accuracy", "95 %", "other sp.", "trigram", "PNMI", "AMI", "V", "F1 20ms", "F1 frame", "ABX in", "ABX across", "bit/s"],
    ]  # fmt: skip
    for name, unit in result["units"].items():
        accuracy = result["random_codes"] if name == RANDOM else unit["accuracy"]
        interval = f"{_percent(unit['ci95'][0])}-{_percent(unit['ci95'][1])}" if unit["ci95"] else "-"
        rows.append(
            [
                name,
                _percent(accuracy),
                interval,
                _percent(unit["accuracy_other_speakers"]),
                _percent(unit["trigram"]["other_speakers"]),
                *(_percent(unit["clusters"][key]) for key in ("pnmi", "ami", "v_measure")),
                *(_percent(unit[key]["f1"]) for key in ("boundaries_20ms", "boundaries_frame")),
                *(_percent(unit[key]) for key in ("abx_within", "abx_across")),
                f"{unit['bits_per_second']['entropy']:.0f}",
            ]
        )
    rows.append(
        ["most frequent phone", _percent(result["prior"]), "-", _percent(result["prior_other_speakers"]), *["-"] * 9]
    )
    return [*scored(result), "", *_aligned(rows), "", *_beside(result)]


def scored(result: Result) -> list[str]:
    """Which frames were scored, how they were labelled, and what was left out."""
    dropped = result["dropped"]
    by = "at its centre" if result["labels_by"] == "centre" else "that covers most of it"
    lines = [
        f"{result['frames']} frames at {result['frame_rate_hz']:g} Hz of {result['utterances']} utterances, {result['speakers']} speakers; K = "
        f"{result['codes']}, {result['phones']} phones ({result['inventory']}); a code has the phone {by}; silence "
        f"{'excluded' if result['excludes_silence'] else 'included'}",
        f"left out: {dropped['silence']} silent frames, {dropped['uncovered']} that no phone covers, {dropped['beyond_audio']} beyond the audio; "
        f"{dropped['without_alignment']} utterances without an alignment",
    ]
    if dropped["ends_apart"]:
        lines.append(
            f"warning: {dropped['ends_apart']} alignments end more than 0.25 s before or after their audio; are they of other recordings?"
        )
    if dropped["alignments_of_others"]:
        lines.append(f"warning: {dropped['alignments_of_others']} alignments of utterances that were not encoded")
    if unknown := result["unknown_phones"]:
        named = ", ".join(f"{label!r} ({count})" for label, count in sorted(unknown.items(), key=lambda item: -item[1]))
        lines.append(f"warning: {result['inventory']} does not know these labels, which are scored as written: {named}")
    return lines


def _beside(result: Result) -> list[str]:
    lines = []
    low, high = result["above_kmeans_ci95"] or (None, None)
    interval = f" (95 %: {100 * low:+.1f} to {100 * high:+.1f})" if low is not None and high is not None else ""
    lines.append(f"above the best k-means: {100 * result['above_kmeans']:+.1f} points{interval}")
    if result["accuracy_other_speakers"] is not None:
        loss = 100 * (result["accuracy"] - result["accuracy_other_speakers"])
        lines.append(f"loss when the map is fitted on other speakers: {loss:.1f} points")
    if result["abx_angle_within"] is not None:
        lines.append(
            f"ABX error by the angle between code vectors: {_percent(result['abx_angle_within'])} within, "
            f"{_percent(result['abx_angle_across'])} across speakers; 13 MFCC: {_percent(result['abx_mfcc_within'])} and "
            f"{_percent(result['abx_mfcc_across'])}; chance 50.0"
        )
    if speaker := result["speaker"]:
        lines.append(
            f"speaker named from one frame: codes {_percent(speaker['frame_codes'])}, MFCC {_percent(speaker['frame_mfcc'])}, chance "
            f"{_percent(speaker['frame_chance'])}; from an utterance: codes {_percent(speaker['utterance_codes'])}, MFCC "
            f"{_percent(speaker['utterance_mfcc'])}, chance {_percent(speaker['utterance_chance'])}"
        )
        lines.append(
            f"I(code; speaker) = {speaker['information_bits']:.3f} bit of H(speaker) = {speaker['speaker_entropy_bits']:.2f} bit"
        )
    rate = result["units"][CODES]["bits_per_second"]
    lines.append(
        f"{rate['codes_used']} codes used, perplexity {rate['perplexity']:.1f}; bit/s: nominal {rate['nominal']:.0f}, entropy {rate['entropy']:.0f}, "
        f"adaptive coder {rate['adaptive']:.0f}, after the code before {rate['adaptive_order_1']:.0f}"
    )
    if result["codebooks"]:
        each = ", ".join(f"{number}: {_percent(value)}" for number, value in enumerate(result["codebooks"]))
        lines.append(f"accuracy of each codebook alone: {each}")
    by_recall = sorted(result["per_phone"].items(), key=lambda item: -item[1])
    lines.append("best named: " + ", ".join(f"{phone} {_percent(share)}" for phone, share in by_recall[:6]))
    lines.append("never named: " + (", ".join(phone for phone, share in by_recall if share == 0) or "none"))
    return lines


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
