"""Speed of WaveNet training on a CPU or GPU, compared with the rate of matrix products.

    python benchmarks/training.py [--cuda] [--compile] [--quick] [--threads 2] [--json FILE]

A step is the loss of a batch of random crops, its gradients and Adam's update. Rates are the best of several steps. The
share of the product rate counts the network's multiply-adds, three times for forward and backward pass, over those of a
product of two square bfloat16 matrices.

On a CPU the peer is wavenet_vocoder 0.1.1 with the same layers, channels, two taps, conditioning of 64 channels, batch
and crop; its conditions come at every sample, ours once per 320 samples. `--compile` adds the plain layers under
`torch.compile`. On a GPU (`--cuda`) benchmarks/training_cuda.py measures the ways to compute the loss, Muon, and whole
steps of the demo recipe, in at most six minutes.

The VQ layer (benchmarks/quantizers.py), the data path (benchmarks/data.py) and training beside other programs
(benchmarks/busy.py) have their own tables.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import rows as tables
import sampling_peer
import torch
from rows import Row, at_least
from timing import best
from torch.nn import functional as F

from vqspeech.kernels.workers import workers
from vqspeech.nn.decoders.wavenet import COMPILED, FUSED, PLAIN, TRITON, WaveNet
from vqspeech.training.threads import fitting

HOP = 320
CROP = 5120
"""Samples of a crop."""

SHAPES = [(30, 64, 256, 2), (8, 32, 64, 8)]
"""Layers, residual channels, skip channels, crops in a batch."""


def multiply_adds(layers: int, channels: int, skip: int) -> int:
    """Return the multiply-adds of one sample in the forward pass, without conditioning."""
    return layers * channels * (2 * 2 * channels + skip) + (layers - 1) * channels**2 + skip**2 + 256 * skip


def timed(device: str) -> Any:
    """Return `best` for a device."""
    return partial(best, wait=torch.cuda.synchronize) if device == "cuda" else best


def product_rate(dtype: torch.dtype, device: str, seconds: float) -> float:
    """Return the multiply-adds per second of a square matrix product: 2048 on a CPU, 8192 on a GPU."""
    size = 8192 if device == "cuda" else 2048
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return size**3 / timed(device)(lambda: left @ right, seconds)


def decoder_step(
    layers: int, channels: int, skip: int, batch: int, device: str, *, autocast: bool, way: str, crop: int = CROP
) -> tuple[WaveNet, Callable[[], None]]:
    """Return a decoder, and a function that makes a step of its training."""
    torch.manual_seed(0)
    dilations = [2 ** (layer % 10) for layer in range(layers)]
    decoder = WaveNet(dim=64, hop_samples=HOP, dilations=dilations, residual_channels=channels, skip_channels=skip)
    decoder.to(device)
    choice: dict[str, Any] = {COMPILED: True, TRITON: "auto"}
    decoder.compilation = choice.get(way, False)
    optimiser = torch.optim.Adam(decoder.parameters())
    levels, latents = torch.randint(0, 256, (batch, crop)).to(device), torch.randn(batch, 64, crop // HOP).to(device)

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=autocast):
            conditions = decoder.conditions(latents, None)
            chosen = None if way in choice else way
            loss = decoder.negative_log_likelihood(levels, conditions, computation=chosen).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return decoder, step


@contextmanager
def training_threads(pieces: int, others: float = 0.0) -> Iterator[None]:
    """Use the threads that a training would use in the block, where so many cores are busy."""
    count = torch.get_num_threads()
    torch.set_num_threads(fitting(count, others, pieces))
    try:
        with workers(count):
            yield
    finally:
        torch.set_num_threads(count)


def ours(
    layers: int, channels: int, skip: int, batch: int, seconds: float, *, autocast: bool, way: str
) -> tuple[float, float]:
    """Return the samples per second of our decoder on the CPU, and the seconds of its first step."""
    decoder, step = decoder_step(layers, channels, skip, batch, "cpu", autocast=autocast, way=way)
    with training_threads(decoder.pieces(batch, CROP) if way == FUSED else 1):
        begin = time.perf_counter()
        step()
        first = time.perf_counter() - begin
        if decoder.computation != way:
            raise SystemExit(f"asked for {way!r}, but {decoder.computation!r} ran: see the warning above")
        return batch * CROP / best(step, seconds), first


def peers(package: Any, layers: int, channels: int, skip: int, batch: int, seconds: float, *, autocast: bool) -> float:
    """Return the samples per second of wavenet_vocoder's network on the CPU."""
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
    optimiser, crop = torch.optim.Adam(network.parameters()), CROP
    levels, conditions = torch.randint(0, 256, (batch, crop)), torch.randn(batch, 64, crop)
    past = F.one_hot(F.pad(levels[:, :-1], (1, 0), value=128), 256).transpose(1, 2).float()

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = F.cross_entropy(network(past, c=conditions).float(), levels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return batch * crop / best(step, seconds)


def ceilings(device: str, seconds: float) -> list[Row]:
    """Measure the rates of products in float32 and bfloat16."""
    kinds = {"fp32": torch.float32, "bfloat16": torch.bfloat16}
    unit = "G multiply-adds/s"
    return [
        Row(f"product, {name}", "rate", product_rate(dtype, device, seconds) / 1e9, unit)
        for name, dtype in kinds.items()
    ]


def cpu_table(seconds: float, package: Any, *, compile: bool) -> list[Row]:
    """Measure every shape on the CPU, and the peer."""
    table = ceilings("cpu", seconds)
    ceiling = table[1].value * 1e9
    for layers, channels, skip, batch in SHAPES:
        case = f"{layers}x{channels}x{skip}, {batch} x {CROP['cpu']} samples"
        shape = (layers, channels, skip, batch)
        rate, _ = ours(*shape, seconds, autocast=True, way=FUSED)
        single, _ = ours(*shape, seconds, autocast=False, way=FUSED)
        plain = theirs = None
        if package is not None:
            plain, theirs = (peers(package, *shape, seconds, autocast=autocast) for autocast in (False, True))
        table += [
            Row(case, "training, bfloat16", rate, "samples/s", peer=theirs),
            Row(case, "training, fp32", single, "samples/s", peer=plain),
        ]
        if plain is not None and theirs is not None:
            table.append(at_least(case, "over the peer as it is", rate / plain, "x", 5.0))
            table.append(at_least(case, "over the peer in bfloat16", rate / theirs, "x", 5.0))
        share = 3 * multiply_adds(layers, channels, skip) * rate / ceiling
        table.append(at_least(case, "of the bfloat16 product rate", share, "", 0.4 if layers == 30 else None))
        for way in (PLAIN, COMPILED) if compile else (PLAIN,):
            rate, first = ours(*shape, seconds, autocast=True, way=way)
            table.append(Row(case, f"training, bfloat16, {way}", rate, "samples/s"))
            if way == COMPILED:
                table.append(Row(case, f"first step, {way}", first, "s"))
    return table


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--cuda", action="store_true", help="the table of a GPU, in at most six minutes")
    parser.add_argument("--compile", action="store_true", help="on a CPU, also the plain layers compiled (minutes)")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: for a look, not for figures")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    seconds = 1.0 if options.quick else 10.0
    if options.cuda:
        if not torch.cuda.is_available():
            print("nothing to measure with --cuda: PyTorch finds no CUDA GPU", file=sys.stderr)
            sys.exit(2)
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
        import training_cuda

        table = training_cuda.table(ceilings("cuda", 1.0), 1.0 if options.quick else 3.0)
    else:
        with tempfile.TemporaryDirectory() as folder:
            table = cpu_table(seconds, sampling_peer.load(Path(folder)), compile=options.compile)
    tables.show(table)
    if options.json:
        tables.write(table, options.json)


if __name__ == "__main__":
    main()
