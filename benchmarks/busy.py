"""Speed of training on a CPU beside other busy programs, as a share of the speed on a quiet machine.

    python benchmarks/busy.py [--seconds 4] [--json FILE]

Steps are those of benchmarks/training.py, with the WaveNet of the demo, and of benchmarks/harmonic.py. Rates are means
over all steps, with the threads of a training, and with all threads between the pieces too. Nothing else may run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import rows as tables
import torch
from harmonic import DIM, HOP, RATE, training_step
from rows import Row, at_least
from training import CROP, FUSED, decoder_step, training_threads

from vqspeech.nn.decoders.harmonic_decoder import harmonic_decoder
from vqspeech.nn.decoders.protocol import Latents
from vqspeech.training.load import available_cores

SHAPE = (8, 32, 64, 8)
"""Layers, residual channels, skip channels, crops in a batch."""

GOALS = {1: 0.6, 2: 0.4}
"""Busy programs -> share of the quiet rate on two cores."""


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """Run so many programs that only compute."""
    running = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield
    finally:
        for program in running:
            program.kill()
            program.wait()


def steps_per_second(step: Callable[[], None], seconds: float) -> float:
    """Return the mean rate of steps, after a first one."""
    step()
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        step()
        count += 1
    return count / (time.perf_counter() - begin)


def table(seconds: float) -> list[Row]:
    """Measure both decoders quiet, and beside one and two programs."""
    wavenet, step = decoder_step(*SHAPE, "cpu", autocast=True, way=FUSED)
    crops, crop = SHAPE[-1], CROP
    harmonic = harmonic_decoder(Latents(dim=DIM, hop_samples=HOP, sample_rate=RATE, speakers=8))
    other, length = training_step(harmonic)
    found: list[Row] = []
    for name, work, samples, pieces in (
        ("wavenet", step, crops * crop, wavenet.pieces(crops, crop)),
        ("harmonic", other, length * RATE, harmonic.pieces(crops, crop)),
    ):
        steps_per_second(work, 0)
        for kind, divided in (("", pieces), (", threads between pieces too", 1)):
            case, rates = name + kind, {}
            for programs in (0, *GOALS):
                with busy(programs), training_threads(divided, 0.0 if divided == 1 else float(programs)):
                    rates[programs] = samples * steps_per_second(work, seconds)
                found.append(Row(case, f"beside {programs} busy programs", rates[programs], "samples/s"))
            for programs, goal in GOALS.items():
                share = rates[programs] / rates[0]
                found.append(at_least(case, f"beside {programs}, of quiet", share, "", goal if divided > 1 else None))
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds of each measurement")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args()
    torch.set_num_threads(len(available_cores()))
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    found = table(options.seconds)
    tables.show(found)
    if options.json:
        tables.write(found, options.json)


if __name__ == "__main__":
    main()
