"""The contents of ``results.json`` of the recipe `doom`, its goals, and its main numbers in lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vqspeech.config import plain
from vqspeech.experiments import Result, Results
from vqspeech.experiments.facts import versions
from vqspeech_video.evaluation.paired import excludes_zero
from vqspeech_video.recipes.doom.settings import DoomSettings

DISTRIBUTIONS = ("vqspeech", "vqspeech-image", "vqspeech-video", "torch", "numpy", "pillow")


def collect(made: Results, settings: DoomSettings) -> Result:
    """Return the contents of ``results.json`` from the results of the stages."""
    encoded = made["encode"]
    return {
        "corpus": made["prepare"]["corpus"],
        "seed": settings.run.seed,
        "preset": settings.preset,
        "steps": made["train"]["steps"],
        "train_seconds": made["train"]["seconds"],
        "priors": made["prior"],
        "grid": encoded["grid"],
        "codebook_size": [book["size"] for book in encoded["codebooks"]],
        "codes_used": [book["codes_used"] for book in encoded["codebooks"]],
        "perplexity": [book["perplexity"] for book in encoded["codebooks"]],
        "unigram_nats": encoded["unigram_nats"],
        **made["evaluate"],
        "config": plain(settings.run),
        "prior_configs": {name: plain(config) for name, config in settings.priors.items()},
        "evaluate": plain(settings.evaluate),
        "versions": versions(*DISTRIBUTIONS),
    }


def goals(found: Mapping[str, Any], book: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the goals of the recipe with what was measured and whether they are reached.

    Parameters
    ----------
    found : results of the stage `evaluate`
    book : use of the codebook by held-out frames
    """
    nats, frames, read, speed = found["nats"], found["frames"], found["actions_read"], found["speed"]
    gain, delta = nats["permuted_minus_true"], frames["delta_psnr_db"][min(3, len(frames["delta_psnr_db"]) - 1)]
    turning = frames["turning"]["above_copy_db"]
    rows = [
        ("reconstructions, PSNR", ">= 30 dB", found["tokenizer_psnr_db"], found["tokenizer_psnr_db"] >= 30),
        ("codes used by held-out frames", f"{book['size']}", book["codes_used"], book["codes_used"] == book["size"]),
        (
            "permuted less true actions, nats per code",
            ">= 0.01, interval excludes 0",
            gain["mean"],
            gain["mean"] >= 0.01 and excludes_zero(gain),
        ),
        ("nats per code with actions", "<= 2.9", nats["true"]["mean"], nats["true"]["mean"] <= 2.9),
        (
            "delta PSNR of the fourth generated frame, dB",
            "> 0.5, interval excludes 0",
            delta["mean"],
            delta["mean"] > 0.5 and excludes_zero(delta),
        ),
        *_movement_goals(found["movement"]),
        ("actions read from generated frames, of real", ">= 75 %", read["of_real"], read["of_real"] >= 0.75),
    ]
    if turning:
        least = min(step["mean"] for step in turning[1:] or turning)
        rows.append(("PSNR above copying while turning, frame 2 on, dB", "> 0", least, least > 0))
    rows.append(("seconds of a continuation", "< 3", speed["seconds"], speed["seconds"] < 3))
    rows.append(("times faster than the whole network per code", ">= 40", speed["speedup"], speed["speedup"] >= 40))
    return [
        {"measure": measure, "goal": goal, "value": value, "reached": bool(reached)}
        for measure, goal, value, reached in rows
    ]


def _movement_goals(movement: Mapping[str, Any]) -> list[tuple[str, str, float, bool]]:
    rows = []
    for name, row in movement.items():
        label = f"clips that move rightly, all {name}"
        rows.append((label, ">= 90 %", row["right_sign"], row["right_sign"] >= 0.9))
        if row["of_real"] is not None and name != "forward":
            rows.append((f"shift of that of real steps, all {name}", ">= 70 %", row["of_real"], row["of_real"] >= 0.7))
    return rows


def summary(results: Result) -> list[str]:
    """Return the main numbers, one per line."""
    nats, frames, read = results["nats"], results["frames"], results["actions_read"]
    moved = ", ".join(
        f"{name} {row['median_px']:+.0f} (real {row['real_px']:+.0f})" for name, row in results["movement"].items()
    )
    speed, delta = results["speed"], frames["delta_psnr_db"][min(3, len(frames["delta_psnr_db"]) - 1)]
    reached = sum(goal["reached"] for goal in results["goals"])
    return [
        f"frames: {results['tokenizer_psnr_db']:.1f} dB PSNR; codes used {results['codes_used']} of "
        f"{results['codebook_size']}",
        f"nats per code: {nats['true']['mean']:.3f}, permuted actions {nats['permuted']['mean']:.3f}, without "
        f"{nats['none']['mean']:.3f}, without history {nats['without_history']['mean']:.3f}, by frequency "
        f"{results['unigram_nats']:.3f}",
        f"delta PSNR at frame 4: {delta['mean']:.2f} dB {interval(delta)}",
        f"shift per step in px: {moved or 'no action that turns'}",
        f"actions read from generated frames: {100 * read['true']:.0f} %, from real ones {100 * read['real']:.0f} %",
        f"{speed['frames']} frames of {speed['clips']} clips in {speed['seconds']:.2f} s, {speed['speedup']:.0f} times "
        "faster than the whole network for every code",
        f"goals reached: {reached} of {len(results['goals'])}",
    ]


def interval(figure: Mapping[str, Any]) -> str:
    """Format the interval of a figure; empty without one."""
    return f"({figure['ci95'][0]:+.3f} to {figure['ci95'][1]:+.3f})" if figure["ci95"] else ""
