"""Cached and naive sampling of priors over grids: ``python benchmarks/prior_sampling.py [--prior pixelrnn]``.

Naive sampling runs the whole network for each code, so each position costs the same; `--positions` of them are timed
and the rest is extrapolated. Rounds alternate, so that other load on the machine falls on both; the ratio is of the
medians.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from vqspeech_image.nn.pixelrnn import PixelRNN
from vqspeech_image.nn.pixelrnn_sampling import sample_pixelrnn

from vqspeech.nn.priors.cached import sample_cached
from vqspeech.nn.priors.draws import uniform_grid
from vqspeech.nn.priors.gated import GatedPixelCNN
from vqspeech.nn.priors.heads import CodeNetwork
from vqspeech.nn.priors.naive import sample_naive

CASES = {"32x32, batch 16": (32, 16), "21x21, batch 1": (21, 1)}
LAYERS = {"pixelcnn": 12, "pixelrnn": 7}
WIDTH, CODES, HEAD = 64, 512, 256


def sampler(prior: str, attention: int) -> tuple[CodeNetwork, Callable[..., Tensor]]:
    """Make a network with random weights, and the function that samples from it with caches."""
    torch.manual_seed(0)
    sizes = {"layers": LAYERS[prior], "width": WIDTH, "head_width": HEAD}
    if prior == "pixelrnn":
        return PixelRNN((CODES,), **sizes).eval(), sample_pixelrnn
    return GatedPixelCNN((CODES,), **sizes, attention_blocks=attention).eval(), sample_cached


def measure(prior: str, side: int, batch: int, rounds: int, positions: int, attention: int) -> dict[str, float]:
    """Time both ways to draw `batch` grids of `side` x `side`; `attention` is the number of blocks."""
    model, sample = sampler(prior, attention)
    uniform = uniform_grid(0, range(batch), 1, (side, side))
    # Whatever is compiled or allocated once.
    sample(model, uniform[:, :, :2])
    cached, naive = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        sample(model, uniform)
        middle = time.perf_counter()
        sample_naive(model, uniform, positions=positions)
        cached.append(middle - begin)
        naive.append((time.perf_counter() - middle) * side * side / positions)
    return {
        "cached_s": statistics.median(cached),
        "naive_s": statistics.median(naive),
        "ratio": statistics.median(naive) / statistics.median(cached),
        "rounds": rounds,
        "naive_positions_timed": positions,
    }


def main() -> None:
    """Measure, print, and write JSON where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--positions", type=int, default=6, help="of the naive way that are timed in each round")
    parser.add_argument(
        "--attention", type=int, default=0, help="blocks of attention; the figures asked for are without"
    )
    parser.add_argument("--prior", choices=tuple(LAYERS), default="pixelcnn")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.attention and chosen.prior != "pixelcnn":
        parser.error("--attention is of the pixelcnn")
    cases = {
        name: measure(chosen.prior, *size, chosen.rounds, chosen.positions, chosen.attention)
        for name, size in CASES.items()
    }
    for name, figures in cases.items():
        print(f"{name}: cached {figures['cached_s']:.3f} s, naive {figures['naive_s']:.1f} s, {figures['ratio']:.0f} x")
    if chosen.json is not None:
        model = {
            "prior": chosen.prior,
            "layers": LAYERS[chosen.prior],
            "width": WIDTH,
            "codes": CODES,
            "head_width": HEAD,
            "attention_blocks": chosen.attention,
        }
        machine = {"processor": platform.processor() or platform.machine(), "threads": chosen.threads}
        facts = {"model": model, "machine": machine, "torch": torch.__version__, "cases": cases}
        chosen.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
