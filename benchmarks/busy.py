"""Speed of training on a CPU beside other busy programs, as a share of the speed on a quiet machine.

    python benchmarks/busy.py [--seconds 4] [--json FILE]

A step is that of benchmarks/training.py, with the decoder of the demo. Rates are means over all steps, of a training
that begins while the others run, and of one that began before they came, which keeps its threads. Nothing else may run.
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
from rows import Row, at_least
from training import CROP, FUSED, decoder_step, training_threads

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
    """Measure the decoder quiet, and beside one and two programs."""
    decoder, step = decoder_step(*SHAPE, "cpu", autocast=True, way=FUSED)
    pieces, samples = decoder.pieces(SHAPE[-1], CROP["cpu"]), SHAPE[-1] * CROP["cpu"]
    steps_per_second(step, 0)
    found: list[Row] = []
    for kind, divided in (("in pieces", pieces), ("threads between the pieces too", 1)):
        rates = {}
        for programs in (0, *GOALS):
            with busy(programs), training_threads(divided, 0.0 if divided == 1 else float(programs)):
                rates[programs] = samples * steps_per_second(step, seconds)
            found.append(Row(kind, f"beside {programs} busy programs", rates[programs], "samples/s"))
        for programs, goal in GOALS.items():
            share = rates[programs] / rates[0]
            found.append(at_least(kind, f"beside {programs}, of quiet", share, "", goal if divided > 1 else None))
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds of each measurement")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    found = table(options.seconds)
    tables.show(found)
    if options.json:
        tables.write(found, options.json)


if __name__ == "__main__":
    main()
