"""Speed of WaveNet sampling on a CPU, compared with wavenet_vocoder and with ceilings.

    python benchmarks/sampling.py [--quick] [--json FILE] [--run RUN --audio FILE]

Networks are written layers x channels x skip channels; two taps, dilations 1, 2, 4, ... 512 over and over, random
weights (their values do not change the speed). A rate is the best of several runs, for the peer as for this engine. One
core means that the process is held to one core.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numba
import numpy as np
import sampling_peer
import torch
from rows import Row, at_least, show, write
from threadpoolctl import threadpool_limits
from timing import best

from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling import sample
from vqspeech.sampling.cpu import CpuSampler

RATE = 16_000
NETWORKS = [(30, 64, 256), (20, 64, 128), (16, 32, 64), (30, 128, 256)]
BATCHES = [1, 8, 32]
HOP = 320


@numba.njit(fastmath=True)
def _total(array: np.ndarray) -> float:
    total = np.float32(0)
    for index in range(array.size):
        total += array[index]
    return total


def read_rate(size: int, seconds: float) -> float:
    """Measure the bytes per second of repeatedly summing a float32 array."""
    array = np.ones(size // 4, np.float32)
    return size / best(lambda: _total(array), seconds, 20)


def sgemm_rate(seconds: float) -> float:
    """Measure the multiply-adds per second of a 1024 x 1024 float32 product."""
    left, right = torch.randn(1024, 1024), torch.randn(1024, 1024)
    rates = [1024**3 / best(lambda: left @ right, seconds / 2)]
    one, other = left.numpy(), right.numpy()
    rates.append(1024**3 / best(lambda: one @ other, seconds / 2))
    return max(rates)


def network(layers: int, channels: int, skip: int) -> WaveNet:
    """Make a decoder with random weights."""
    torch.manual_seed(0)
    dilations = [2 ** (layer % 10) for layer in range(layers)]
    decoder = WaveNet(dim=64, hop_samples=HOP, dilations=dilations, residual_channels=channels, skip_channels=skip)
    return decoder.requires_grad_(False)


def multiply_adds(layers: int, channels: int, skip: int) -> int:
    """Return the multiply-adds of one sample, without conditioning."""
    return layers * channels * (2 * 2 * channels + skip) + (layers - 1) * channels**2 + skip**2 + 256 * skip


def rate(decoder: WaveNet, streams: int, seconds: float, weights: str = "fp32", threads: int = 1) -> float:
    """Measure the samples per second of all streams."""
    sampler = CpuSampler(decoder, streams, weights=weights, threads=threads)
    frames = 4 if streams == 1 else 1
    conditions = decoder.conditions(torch.randn(streams, 64, frames), None)
    draws = torch.rand(streams, frames * HOP, dtype=torch.float64)
    return draws.numel() / best(lambda: sampler.draw(conditions, draws), seconds)


def one_core(seconds: float, peer: object, networks: list[tuple[int, int, int]]) -> list[Row]:
    """Measure the table over networks and batches."""
    rows = [Row("sgemm 1024, one core", "rate", sgemm_rate(seconds) / 1e9, "G multiply-adds/s")]
    for shape in networks:
        name, decoder = "x".join(map(str, shape)), network(*shape)
        main = shape == NETWORKS[0]
        theirs = sampling_peer.samples_per_second(peer, *shape, seconds) if peer else None
        size = multiply_adds(*shape) * 4
        ceiling = read_rate(size, seconds) / size
        rows.append(Row(f"{name}, ceiling", "reading weights", ceiling, "samples/s"))
        for streams in BATCHES:
            samples_per_s = rate(decoder, streams, seconds)
            case = f"{name}, {streams} stream{'s' * (streams > 1)}, fp32"
            rows.append(
                at_least(case, "rate", samples_per_s, "samples/s", RATE if main and streams == 1 else None, theirs)
            )
            if streams == 1:
                rows.append(at_least(case, "of ceiling", samples_per_s / ceiling, "", 0.65 if main else None))
                if theirs:
                    rows.append(at_least(case, "over peer", samples_per_s / theirs, "x", 35.0 if main else None))
            else:
                share = samples_per_s * multiply_adds(*shape) / 1e9 / rows[0].value
                rows.append(at_least(case, "of sgemm", share, ""))
        samples_per_s = rate(decoder, 1, seconds, "bf16")
        rows.append(
            at_least(f"{name}, 1 stream, bf16", "rate", samples_per_s, "samples/s", 24_000 if main else None, theirs)
        )
    return rows


def two_cores(seconds: float) -> list[Row]:
    """Measure 32 streams, and one utterance in parts, on two cores."""
    shape, decoder = NETWORKS[0], network(*NETWORKS[0])
    name, gemm = "x".join(map(str, shape)), sgemm_rate(seconds)
    samples_per_s = rate(decoder, 32, 2 * seconds, threads=2)
    rows = [
        Row("sgemm 1024, two cores", "rate", gemm / 1e9, "G multiply-adds/s"),
        at_least(f"{name}, 32 streams, two cores", "rate", samples_per_s, "samples/s"),
        at_least(f"{name}, 32 streams, two cores", "of sgemm", samples_per_s * multiply_adds(*shape) / gemm, "", 0.8),
    ]
    conditions = decoder.conditions(torch.randn(1, 64, 10 * RATE // HOP), None)[0]
    for parts in (1, "auto"):
        begin = time.perf_counter()
        sample(decoder, [conditions], [10 * RATE], parts=parts)
        spent = time.perf_counter() - begin
        goal = 7.0 if parts == "auto" else None
        met = None if goal is None else spent < goal
        rows.append(Row(f"{name}, one utterance of 10 s, parts={parts}", "time", spent, "s", goal, met))
    return rows


def overhead() -> list[Row]:
    """Measure the overhead of the first and later calls in a fresh process."""
    code = (
        "import time, torch; from vqspeech.nn.decoders.wavenet import WaveNet\n"
        "torch.set_num_threads(1); begin = time.perf_counter()\n"
        "from vqspeech.sampling import sample\n"
        "net = WaveNet(dim=1, hop_samples=4, dilations=(1,), residual_channels=16, skip_channels=16)\n"
        "sample(net, [net.conditions(torch.zeros(1, 1, 1), None)[0].detach()], [4]); print(time.perf_counter() - begin)"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        runs = [
            subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
            for _ in range(3)
        ]
    times = [float(run.stdout) for run in runs]
    return [
        Row("first call, empty cache", "overhead", times[0], "s", 8.0, times[0] < 8),
        Row("later call, another process", "overhead", min(times[1:]), "s", 0.5, min(times[1:]) < 0.5),
    ]


def likelihood(run: Path, audio_file: Path) -> list[Row]:
    """Measure the bits per sample of speech with fp32 and bf16 weights, teacher-forced."""
    from vqspeech import audio
    from vqspeech.codec.load import load_speech
    from vqspeech.nn.decoders.mulaw import mu_law_encode

    checkpoint = load_speech(run)
    waveform = torch.from_numpy(audio.read(audio_file, checkpoint.config.sample_rate))[None]
    model = checkpoint.model
    with torch.inference_mode():
        codes = model.encode(waveform)
        conditions = model.conditions(codes, torch.zeros(1, dtype=torch.int64))
    levels = mu_law_encode(waveform)
    rows = []
    for weights in ("fp32", "bf16"):
        logits = CpuSampler(model.decoder, 1, weights=weights).logits(conditions, levels)
        bits = torch.nn.functional.cross_entropy(logits[0].double(), levels[0]) / np.log(2)
        rows.append(Row(f"{run.name} on {audio_file.name}, {weights}", "bits per sample", float(bits), "bits"))
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--quick", action="store_true", help="the first network only, half a second per figure")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    parser.add_argument("--peer-dir", type=Path, default=Path(tempfile.gettempdir()) / "vqspeech-benchmark-peer")
    parser.add_argument("--run", type=Path, help="a trained run, for the likelihood with bf16 weights")
    parser.add_argument("--audio", type=Path, help="speech for --run")
    options = parser.parse_args()
    seconds = 0.5 if options.quick else 3.0
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    torch.set_num_threads(1)
    with threadpool_limits(1):
        rows = one_core(seconds, sampling_peer.load(options.peer_dir), NETWORKS[:1] if options.quick else NETWORKS)
    rows += overhead()
    if options.run:
        rows += likelihood(options.run, options.audio)
    os.sched_setaffinity(0, cores)
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[:2])
        torch.set_num_threads(2)
        with threadpool_limits(2):
            rows += two_cores(seconds)
    else:
        print("one core only: nothing about two", file=sys.stderr)
    show(rows)
    if options.json:
        write(rows, options.json)


if __name__ == "__main__":
    main()
