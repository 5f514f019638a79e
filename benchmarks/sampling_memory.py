"""Peak memory of ``vqspeech convert`` and ``decode`` over the length of a recording.

    python benchmarks/sampling_memory.py [--minutes 1 10 60] [--json FILE]

A network of random weights, small so that an hour takes a minute or two: two layers of 16 channels, 250 codes a second.
The recording is noise at 22,050 Hz, so that resampling is part of it. Memory is the largest resident set that the
kernel has seen of the process (ru_maxrss).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RATE = 22_050

MAKE_RUN = """
import sys, torch
from pathlib import Path
from vqspeech.config import parse_model
from vqspeech.checkpoints.store import save
from vqspeech.model import build
config = parse_model({
    "encoder": {"strides": [[4, 2]] * 6, "channels": 16, "dim": 16},
    "quantizer": {"name": "vq", "codebook_size": 64},
    "decoder": {
        "cycles": 1, "layers_per_cycle": 2,
        "residual_channels": 16, "skip_channels": 16, "condition_channels": 16,
    },
})
torch.manual_seed(0)
model = build(config, ["a", "b"]).eval()
model.quantizer.start(torch.randn(1000, 16), torch.Generator().manual_seed(0))
place = Path(sys.argv[1]) / "checkpoints" / "step-00000001"
save(place, model.state_dict(), config=config, speakers=["a", "b"], step=1)
"""


def noise(path: Path, minutes: float) -> None:
    """Write a noise recording of some minutes."""
    generator = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for _ in range(round(minutes * 60)):
            file.write(0.1 * generator.normal(size=RATE).astype(np.float32))


def vqspeech(*arguments: object) -> tuple[float, float]:
    """Run a command; return seconds and peak resident MiB.

    This process stays small, because a child's peak begins with its parent's.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "vqspeech", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"vqspeech {arguments[0]} failed: {errors}")
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60])
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args()
    rows = []
    print(f"{'command':<10} {'minutes':>8} {'peak MiB':>10} {'seconds':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, source, codes = folder / "run", folder / "long.wav", folder / "codes.parquet"
        subprocess.run([sys.executable, "-c", MAKE_RUN, str(run)], check=True)
        for minutes in options.minutes:
            noise(source, minutes)
            for command in (
                ("convert", run, source, "--speaker", "a", "--engine", "cpu", "--out", folder / "out.wav"),
                ("encode", run, source, "--out", codes),
                ("decode", run, codes, "--speaker", "a", "--engine", "cpu", "--out", folder / "out"),
            ):
                seconds, peak = vqspeech(*command)
                rows.append(
                    {"case": f"{command[0]} {minutes:g} min", "metric": "peak memory", "value": peak, "unit": "MiB"}
                )
                print(f"{command[0]:<10} {minutes:>8g} {peak:>10.0f} {seconds:>9.1f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
