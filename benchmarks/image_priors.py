"""Bits per code of PixelCNN and PixelRNN on the codes of an image model: ``python benchmarks/image_priors.py RUN``.

RUN is one of `vqspeech recipe run cifar10`. Both priors have the training of the recipe's preset `small`, and about as
many parameters; the PixelRNN is also trained for the CPU seconds of the PixelCNN. Seconds are those of the processor,
with validation and checkpoints, so that other load on the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from vqspeech_image.evaluation.codes import grids_of, prior_nats, unigram_nats

from vqspeech.corpora.code_store import CodeStore
from vqspeech.training import run as runs
from vqspeech.training.codes import load_prior

SIZES = {"width": 64, "first_kernel": 5, "head_width": 128}
PRIORS = {"pixelcnn": {"layers": 6, **SIZES}, "pixelrnn": {"layers": 3, **SIZES}}
TRAIN = {"batch_size": 32, "learning_rate": 1e-3, "warmup_steps": 50, "weight_average": 0.99, "validate_every": 100}
DRAWN = 64
"""Grids that are drawn."""


def measure(source: Path, out: Path, prior: str, steps: int, seed: int, conditioned: bool) -> dict[str, float]:
    """Train a prior on the codes of a run, and measure it on its held-out images."""
    model = {"name": prior, "conditioned": conditioned, **PRIORS[prior]}
    train = {**TRAIN, "steps": steps, "checkpoint_every": steps, "accelerator": "cpu"}
    config = runs.checked({"modality": "codes", "seed": seed, "model": model, "train": train})
    runs.open_run(out, config)
    store: CodeStore = runs.prepare(config, out, source)
    begin = time.process_time()
    runs.train(config, out, store)
    seconds = time.process_time() - begin
    loaded, level = load_prior(out), store.at()
    held = store.held_out()[1]
    conditions = torch.arange(DRAWN) % loaded.space.conditions if conditioned else None
    begin = time.process_time()
    loaded.model.sample(DRAWN, condition=conditions)
    drawing = time.process_time() - begin
    return {
        "parameters": sum(one.numel() for one in loaded.model.parameters()),
        "steps": steps,
        "train_cpu_s": seconds,
        "bits_per_code": prior_nats(loaded.model, level, held, conditioned=conditioned) / math.log(2),
        "unigram_bits": unigram_nats(level, store.indices("train"), held) / math.log(2),
        "items": len(held),
        "codes_per_item": math.prod(grids_of(level).shape[1:]),
        "sample_cpu_s": drawing,
    }


def compare(source: Path, steps: int, seed: int, conditioned: bool, folder: Path) -> dict[str, dict[str, float]]:
    """Measure both priors after so many steps, and the PixelRNN in the seconds of the PixelCNN."""
    made = {
        prior: measure(source, folder / f"{prior}-{seed}", prior, steps, seed, conditioned)
        for prior in ("pixelcnn", "pixelrnn")
    }
    fewer = round(steps * made["pixelcnn"]["train_cpu_s"] / made["pixelrnn"]["train_cpu_s"])
    short = measure(source, folder / f"short-{seed}", "pixelrnn", fewer, seed, conditioned)
    made = {**made, "pixelrnn, same seconds": short}
    for name, figures in made.items():
        told = {key: round(value, 4) for key, value in figures.items()}
        print(f"seed {seed}, {name}: {told}", flush=True)
    return made


def main() -> None:
    """Measure, print, and write JSON where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="run of an image model with one level of codes")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=1, help="repetitions, with seeds from 0")
    parser.add_argument("--conditioned", action="store_true", help="condition both on the class of an image")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory() as folder:
        seeds = [
            compare(chosen.run, chosen.steps, seed, chosen.conditioned, Path(folder)) for seed in range(chosen.seeds)
        ]
    for name in seeds[0]:
        bits = [one[name]["bits_per_code"] for one in seeds]
        spread = f", {min(bits):.3f} to {max(bits):.3f}" if len(bits) > 1 else ""
        print(f"{name}: {statistics.mean(bits):.3f} bits per code{spread}")
    if chosen.json is not None:
        facts: dict[str, Any] = {"torch": torch.__version__, "threads": chosen.threads, "seeds": seeds}
        chosen.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
