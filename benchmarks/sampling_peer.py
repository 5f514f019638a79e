"""The peer of the sampling benchmark: wavenet_vocoder 0.1.1, `incremental_forward`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

PACKAGE = "wavenet_vocoder==0.1.1"


def load(folder: Path) -> Any:
    """Install the package into `folder` if needed and import it; None after a failure.

    It runs under torch 2.11 as it is: its sampling needs torch and numpy only; TensorFlow, which it asks for, is for
    hyperparameters.
    """
    if not (folder / "wavenet_vocoder").exists():
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"no peer: pip could not install {PACKAGE}: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return None
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    if importlib.util.find_spec("wavenet_vocoder") is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wavenet_vocoder  # type: ignore[import-not-found]

    return wavenet_vocoder


def samples_per_second(package: Any, layers: int, channels: int, skip: int, seconds: float) -> float:
    """Measure the samples per second of one stream, the best of three runs.

    Two taps, gates of twice the channels, mu-law levels, local conditioning of 64 channels at every sample, weight norm
    removed: the network of the same row of the table. It draws one stream at a time (`numpy.random.choice` over the
    batch's probabilities).
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = package.WaveNet(
            out_channels=256,
            layers=layers,
            stacks=max(1, layers // 10) if layers % 10 == 0 else layers // 8,
            residual_channels=channels,
            gate_channels=2 * channels,
            skip_out_channels=skip,
            kernel_size=2,
            cin_channels=64,
            dropout=0.0,
        )
        network.eval().make_generation_fast_()
    best, count = 0.0, 40
    with torch.inference_mode():
        network.incremental_forward(c=torch.randn(1, 64, 10), T=10)
        started = time.perf_counter()
        while time.perf_counter() - started < seconds or best == 0.0:
            begin = time.perf_counter()
            network.incremental_forward(c=torch.randn(1, 64, count), T=count)
            best = max(best, count / (time.perf_counter() - begin))
            count = max(40, int(best * seconds / 3))
    return best
