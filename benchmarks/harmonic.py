"""Speed of the decoder ``harmonic`` on one core: speech, a training step, and pitch tracking.

    python benchmarks/harmonic.py [--seconds 4] [--json FILE]

The network has the default options and random weights; codes are at 50 Hz. Speech is generated from latents, with F0
given and predicted, for utterances of 3 and 60 s; the times include everything from latents to samples. A training step
has 12 crops of 1.5 s, forward and backward. Times are the least of several calls; CPU time is measured, so that other
work on the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch

from vqspeech.audio.pitch import track
from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.decoders.harmonic_decoder import harmonic_decoder
from vqspeech.nn.decoders.protocol import Latents, SpeakOptions
from vqspeech.testing.decoders.subject import Frames

RATE, HOP, DIM = 16_000, 320, 64


def cpu_seconds(work: Any, seconds: float) -> float:
    """Return the least CPU time of one call, repeated for some seconds."""
    work()
    least, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < seconds:
        started = time.process_time()
        work()
        least = min(least, time.process_time() - started)
    return least


def training_step(decoder: Any) -> tuple[Callable[[], None], float]:
    """Return a function that computes the losses of a batch and their gradients, and the seconds of speech in it."""
    crops, frames = 12, 75
    batch = SpeechBatch(
        waveform=0.1 * torch.randn(crops, frames * HOP),
        lengths=torch.full((crops,), frames * HOP),
        speaker=torch.arange(crops) % 8,
        window_start=torch.zeros(crops, dtype=torch.int64),
        window_frames=frames,
        f0=torch.full((crops, 2 * frames), 140.0),
    )
    z_q = torch.randn(crops, DIM, frames)

    def step() -> None:
        torch.stack(list(decoder.losses(z_q, batch, torch.Generator()).values())).sum().backward()

    return step, crops * frames * HOP / RATE


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="duration of each measurement")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    decoder = harmonic_decoder(Latents(dim=DIM, hop_samples=HOP, sample_rate=RATE, speakers=8)).eval()
    weights = sum(parameter.numel() for parameter in decoder.parameters())
    found: dict[str, float] = {"weights": weights, "load": os.getloadavg()[0]}
    for duration in (3, 60):
        frames = duration * RATE // HOP
        latents = Frames(DIM, frames, seed=0)
        f0 = (150 + 50 * np.sin(np.arange(2 * frames) / 30)).astype(np.float32)
        for name, pitch in (("given", (f0,)), ("predicted", None)):

            def speak(latents: Frames = latents, count: int = frames, pitch: Any = pitch) -> None:
                for _ in decoder.speak([latents], [1], [count * HOP], SpeakOptions(pitch=pitch)):
                    pass

            found[f"speech of {duration} s, F0 {name}"] = duration / cpu_seconds(speak, options.seconds)
    step, seconds = training_step(decoder)
    found["training"] = seconds / cpu_seconds(step, options.seconds)
    sound = (0.1 * torch.randn(round(seconds * RATE))).numpy()
    found["pitch tracking"] = len(sound) / RATE / cpu_seconds(lambda: track(sound, RATE), options.seconds)
    print(f"{weights / 1e6:.2f} million weights; load {found['load']:.1f}")
    for name, value in list(found.items())[2:]:
        print(f"{name:32s} {value:8.1f} x real time")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
