"""Speed of WaveNet sampling on a GPU, compared with the device's ceilings and the CPU engine.

    python benchmarks/sampling_cuda.py [--quick] [--json FILE]

The network is the first of `benchmarks/sampling.py`: 30 layers, 64 channels, 256 skip channels, random weights. A rate
is the best of several runs of the whole engine: conditions and random numbers go to the device, samples come back.
"graph" replays a CUDA graph; "eager" runs its operations one by one. Without a CUDA GPU it says so and exits with 2.
"""

from __future__ import annotations

import argparse
import platform
import sys
from functools import partial
from pathlib import Path

import torch
from rows import Row, show, write
from timing import best

from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling.cpu import CpuSampler
from vqspeech.sampling.cuda import CudaSampler
from vqspeech.sampling.engines import cuda_trouble
from vqspeech.sampling.reference import ReferenceSampler

RATE = 16_000
LAYERS, CHANNELS, SKIP = 30, 64, 256
STREAMS = [1, 8, 32, 512, 2048]
GOALS = {1: 1.0, 512: 1000.0}
"""Streams -> the multiple of real time wanted of all together, on an H200."""

HOP = 320

device_time = partial(best, wait=torch.cuda.synchronize)


def ceilings(seconds: float) -> dict[str, Row]:
    """Measure rates of products and of copying, and the time of a recorded operation."""
    size, rows = 8192, {}
    left, right = torch.randn(size, size, device="cuda"), torch.randn(size, size, device="cuda")
    before = torch.get_float32_matmul_precision()
    for name, precision in (("fp32", "highest"), ("bf16", "high")):
        torch.set_float32_matmul_precision(precision)
        rate = size**3 / device_time(lambda: left @ right, seconds)
        rows[name] = Row(f"matrix peak, products as with {name} weights", "rate", rate / 1e12, "T multiply-adds/s")
    torch.set_float32_matmul_precision(before)
    source = torch.empty(1 << 28, device="cuda")
    target = torch.empty_like(source)
    bandwidth = 2 * source.nbytes / device_time(lambda: target.copy_(source), seconds)
    rows["memory"] = Row("memory bandwidth, copying 1 GiB", "rate", bandwidth / 1e12, "TB/s")
    small, graph = torch.zeros(1024, device="cuda"), torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(1000):
            small.add_(1)
    microseconds = device_time(graph.replay, seconds) * 1e3
    rows["operation"] = Row("one small operation of a graph", "time", microseconds, "us")
    return rows


def multiply_adds(decoder: WaveNet) -> int:
    """Return the multiply-adds of one sample, without conditioning."""
    gates = sum(weight.numel() for weight in decoder.gates)
    linear = (*decoder.residual, decoder.skip, decoder.hidden, decoder.logits)
    return gates + sum(layer.weight.numel() for layer in linear)  # type: ignore[misc, operator]


def same_samples(decoder: WaveNet, seconds: float) -> list[Row]:
    """Compare the engine with the reference: logits of given samples, and how many draws agree."""
    count = 4000 if seconds > 1 else 400
    frames = -(-count // HOP)
    conditions = decoder.conditions(torch.randn(2, 64, frames), None)
    draws = torch.rand(2, count, dtype=torch.float64)
    expected = ReferenceSampler(decoder, 2).draw(conditions, draws)
    drawn = CudaSampler(decoder, 2).draw(conditions, draws)
    parted = (drawn != expected).any(0).nonzero()
    same = int(parted[0]) if len(parted) else count
    logits = CudaSampler(decoder, 2).logits(conditions, expected[:, :400])
    exact = CpuSampler(decoder, 2).logits(conditions, expected[:, :400])
    error = float((logits - exact).abs().max())
    return [
        Row("graph, fp32", "first samples as the reference's", same, "", count, same >= count),
        Row("graph, fp32", "largest error of logits", error, "", 1e-4, error < 1e-4),
    ]


def speed(decoder: WaveNet, streams: int, seconds: float, tops: dict[str, Row]) -> list[Row]:
    """Measure the samples per second of all streams, and their share of the ceilings."""
    frames = 4 if streams < 512 else 2
    conditions = decoder.conditions(torch.randn(streams, 64, frames), None).cuda()
    draws = torch.rand(streams, frames * HOP, dtype=torch.float64)
    cpu = CpuSampler(decoder, streams)
    few = conditions[:, :1].cpu()
    peer = draws[:, :HOP].numel() / best(lambda: cpu.draw(few, draws[:, :HOP]), seconds, 1) / RATE
    rows, noun = [], f"{streams} stream{'s' * (streams > 1)}"
    for way, weights in (("eager", "fp32"), ("graph", "fp32"), ("graph", "bf16")):
        sampler = CudaSampler(decoder, streams, weights=weights, way=way)
        count = HOP // 4 if way == "eager" else draws.shape[1]
        rate = streams * count / device_time(partial(sampler.draw, conditions, draws[:, :count]), seconds)
        goal = None if way == "eager" else GOALS.get(streams)
        met = None if goal is None else rate / RATE >= goal
        case = f"{noun}, {way}, {weights}"
        rows.append(Row(case, "all together", rate / RATE, "x real time", goal, met, peer))
        rows.append(Row(case, "time of one sample", 1e6 * streams / rate, "us"))
        rows.append(Row(case, "of matrix peak", rate * multiply_adds(decoder) / 1e12 / tops[weights].value, ""))
        read = rate / streams * 4 * multiply_adds(decoder)
        rows.append(Row(case, "reading weights, of memory bandwidth", read / 1e12 / tops["memory"].value, ""))
        del sampler
        torch.cuda.empty_cache()
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--quick", action="store_true", help="1 and 512 streams only, half a second per figure")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args()
    if reason := cuda_trouble():
        print(f"nothing to measure without a CUDA GPU that PyTorch can use: {reason}", file=sys.stderr)
        sys.exit(2)
    seconds = 0.5 if options.quick else 3.0
    torch.manual_seed(0)
    dilations = [2 ** (layer % 10) for layer in range(LAYERS)]
    shape = {"residual_channels": CHANNELS, "skip_channels": SKIP}
    decoder = WaveNet(dim=64, hop_samples=HOP, dilations=dilations, **shape).requires_grad_(False)
    print(f"{torch.cuda.get_device_name()}, {platform.processor() or platform.machine()}, torch {torch.__version__}")
    tops = ceilings(seconds)
    rows = [*tops.values(), *same_samples(decoder, seconds)]
    for streams in [1, 512] if options.quick else STREAMS:
        rows += speed(decoder, streams, seconds, tops)
    show(rows)
    if options.json:
        write(rows, options.json)


if __name__ == "__main__":
    main()
