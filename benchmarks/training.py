"""Speed of WaveNet training on a CPU, beside wavenet_vocoder 0.1.1 and beside the product rates measured in the same run.

    python benchmarks/training.py [--quick] [--threads 2] [--json FILE]

A step is the loss of a batch of random crops, its gradients and Adam's update, on both sides with the same layers, channels, two taps, local
conditioning of 64 channels (from one latent per 320 samples here, at every sample there), batch and crop. Here it runs in bfloat16 autocast, there in
fp32 as the package does, and in bfloat16 autocast too, for what of the ratio is the number format's. Rates are the best of several steps. The share of the ceiling counts the
multiply-adds of the network, three times for forward and backward, over those of a product of two 2048 x 2048 bfloat16 matrices.

The VQ layer has its own table (benchmarks/quantizers.py), the data path too (benchmarks/data.py).
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rows as tables
import sampling_peer
import torch
from rows import Row
from torch.nn import functional as F

from vqspeech.nn.decoders.wavenet import WaveNet

HOP, CROP = 320, 5120
SHAPES = [(30, 64, 256, 2), (8, 32, 64, 8)]
"""Layers, residual channels, skip channels, crops in a batch."""


def best(work: Callable[[], object], seconds: float, fewest: int = 3) -> float:
    """Least wall time of one call, of calls for about so many seconds, after one that is not counted."""
    work()
    least, calls, started = float("inf"), 0, time.perf_counter()
    while calls < fewest or time.perf_counter() - started < seconds:
        begin = time.perf_counter()
        work()
        least, calls = min(least, time.perf_counter() - begin), calls + 1
    return least


def product_rate(dtype: torch.dtype, seconds: float) -> float:
    """Multiply-adds per second of a product of two 2048 x 2048 matrices."""
    left, right = torch.randn(2048, 2048).to(dtype), torch.randn(2048, 2048).to(dtype)
    return 2048**3 / best(lambda: left @ right, seconds)


def multiply_adds(layers: int, channels: int, skip: int) -> int:
    """Multiply-adds of one sample in the forward pass, without conditioning."""
    return layers * channels * (2 * 2 * channels + skip) + (layers - 1) * channels**2 + skip**2 + 256 * skip


def dilations(layers: int) -> list[int]:
    """1, 2, 4, ... up to 512 over and over."""
    return [2 ** (layer % 10) for layer in range(layers)]


def ours(layers: int, channels: int, skip: int, batch: int, seconds: float, *, autocast: bool) -> float:
    """Samples per second of our decoder."""
    torch.manual_seed(0)
    decoder = WaveNet(
        dim=64, hop_samples=HOP, dilations=dilations(layers), residual_channels=channels, skip_channels=skip
    )
    optimiser = torch.optim.Adam(decoder.parameters())
    levels, latents = torch.randint(0, 256, (batch, CROP)), torch.randn(batch, 64, CROP // HOP)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = decoder.negative_log_likelihood(levels, decoder.conditions(latents, None)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return batch * CROP / best(step, seconds)


def peers(package: Any, layers: int, channels: int, skip: int, batch: int, seconds: float, *, autocast: bool) -> float:
    """Samples per second of wavenet_vocoder's network, one-hot input and cross-entropy."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = package.WaveNet(
            out_channels=256,
            layers=layers,
            stacks=max(1, layers // 10),
            residual_channels=channels,
            gate_channels=2 * channels,
            skip_out_channels=skip,
            kernel_size=2,
            cin_channels=64,
            dropout=0.0,
        )
    optimiser = torch.optim.Adam(network.parameters())
    levels, conditions = torch.randint(0, 256, (batch, CROP)), torch.randn(batch, 64, CROP)
    past = F.one_hot(F.pad(levels[:, :-1], (1, 0), value=128), 256).transpose(1, 2).float()

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = F.cross_entropy(network(past, c=conditions).float(), levels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return batch * CROP / best(step, seconds)


def table(seconds: float, package: Any) -> list[Row]:
    """Ceilings, then every shape."""
    ceiling = product_rate(torch.bfloat16, seconds)
    found = [
        Row("product 2048, fp32", "rate", product_rate(torch.float32, seconds) / 1e9, "G multiply-adds/s"),
        Row("product 2048, bfloat16", "rate", ceiling / 1e9, "G multiply-adds/s"),
    ]
    for layers, channels, skip, batch in SHAPES:
        case = f"{layers}x{channels}x{skip}, {batch} x {CROP} samples"
        shape = (layers, channels, skip, batch, seconds)
        rate = ours(*shape, autocast=True)
        plain = theirs = None
        if package is not None:
            plain, theirs = (peers(package, *shape, autocast=autocast) for autocast in (False, True))
        found += [
            Row(case, "training, bfloat16", rate, "samples/s", peer=theirs),
            Row(case, "training, fp32", ours(*shape, autocast=False), "samples/s", peer=plain),
        ]
        if plain is not None and theirs is not None:
            found.append(Row(case, "over the peer as it is", rate / plain, "x", 5.0, rate >= 5 * plain))
            found.append(Row(case, "over the peer in bfloat16", rate / theirs, "x", 5.0, rate >= 5 * theirs))
        share = 3 * multiply_adds(layers, channels, skip) * rate / ceiling
        goal = 0.4 if layers == 30 else None
        found.append(
            Row(case, "of the bfloat16 product rate", share, "", goal, None if goal is None else share >= goal)
        )
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: for a look, not for figures")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        found = table(1.0 if options.quick else 10.0, sampling_peer.load(Path(folder)))
    tables.show(found)
    if options.json:
        tables.write(found, options.json)


if __name__ == "__main__":
    main()
