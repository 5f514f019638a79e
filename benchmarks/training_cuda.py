"""The table of training on a GPU, for benchmarks/training.py --cuda: one call of at most six minutes.

Measured are steps of the decoder (loss, gradients, Adam) for each way to compute it, Muon, and whole training steps of
the demo recipe with and without a CUDA graph. Goals are those for one H200. Rows for which no time is left are named.
"""

from __future__ import annotations

import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import Row, at_least
from timing import best
from training import HOP, decoder_step, multiply_adds

from vqspeech.nn.decoders.wavenet import COMPILED, PLAIN, TRITON, WaveNet
from vqspeech.training.optimiser import Muon

LAST_START_S = 280.0
"""No measurement begins later: the longest one, which compiles a network of 256 channels, takes about 80 s."""

PAPER = (30, 256, 256, 32, 7680)
SMALL = (30, 64, 256, 64, 10_240)
"""Layers, residual channels, skip channels, crops, samples of a crop."""

GOALS = {SMALL: (20e6, 0.30), PAPER: (3.5e6, 0.40)}
"""Shape -> samples per second, and share of the rate of products."""

DEMO_GOAL_MS = 5.0

device_time = partial(best, wait=torch.cuda.synchronize)


class Clock:
    """Says whether there is time for another measurement."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def allows(self, what: str) -> bool:
        """Return whether a measurement may begin; name it on stderr."""
        spent = time.perf_counter() - self._began
        fits = spent < LAST_START_S
        print(f"{spent:4.0f} s: {what}" if fits else f"left out, no time: {what}", file=sys.stderr, flush=True)
        return fits


def decoder_rows(shape: tuple[int, int, int, int, int], way: str, ceiling: float, seconds: float) -> list[Row]:
    """Measure steps of a decoder, computed in one way."""
    layers, channels, skip, batch, crop = shape
    case = f"{layers}x{channels}x{skip}, {batch} x {crop} samples"
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    decoder, step = decoder_step(layers, channels, skip, batch, "cuda", autocast=True, way=way, crop=crop)
    begin = time.perf_counter()
    step()
    torch.cuda.synchronize()
    first = time.perf_counter() - begin
    if decoder.computation != way:
        print(f"asked for {way!r}, but {decoder.computation!r} ran: see the warning above", file=sys.stderr)
        return []
    rate = batch * crop / device_time(step, seconds)
    goals = GOALS[shape] if way != PLAIN else (None, None)
    share = 3 * multiply_adds(layers, channels, skip) * rate / ceiling
    return [
        at_least(case, f"training, bfloat16, {way}", rate, "samples/s", goals[0]),
        at_least(case, f"of the bfloat16 product rate, {way}", share, "", goals[1]),
        Row(case, f"first step, {way}", first, "s"),
        Row(case, f"peak memory, {way}", torch.cuda.max_memory_allocated() / 2**30, "GiB"),
    ]


def muon_rows(seconds: float) -> list[Row]:
    """Measure Muon's steps alone, for the matrices of the small network."""
    layers, channels, skip, *_ = SMALL
    decoder = WaveNet(
        dim=64, hop_samples=HOP, dilations=[1] * layers, residual_channels=channels, skip_channels=skip
    ).to("cuda")
    matrices = decoder.hidden_matrices()
    for matrix in matrices:
        matrix.grad = torch.randn_like(matrix)
    milliseconds = 1e3 * device_time(Muon(matrices, lr=0.02).step, seconds)
    return [Row(f"{layers}x{channels}x{skip}", "a step of Muon", milliseconds, "ms")]


@contextmanager
def demo_stepper(graph: Any) -> Iterator[Any]:
    """Prepare the training of the demo recipe's WaveNet on noise, on the GPU."""
    import soundfile

    import vqspeech_recipes
    from vqspeech.modality import modality
    from vqspeech.runs import open_run, prepare
    from vqspeech.training.processes import alone
    from vqspeech.training.run import checked
    from vqspeech.training.stepper import Stepper

    recipe = Path(vqspeech_recipes.__file__).parent / "vctk" / "demo.toml"
    values = tomllib.loads(recipe.read_text(encoding="utf-8"))
    part = values["decoders"]["wavenet"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw = np.random.default_rng(0)
        for number in range(8):
            (folder / f"speaker{number % 2}").mkdir(exist_ok=True)
            path = folder / f"speaker{number % 2}" / f"{number}.wav"
            soundfile.write(path, 0.1 * draw.normal(size=48_000), 16_000)
        train = {**part["train"], "accelerator": "cuda", "cuda_graph": graph}
        model = {**values["model"], "decoder": {"name": "wavenet", **part["decoder"]}}
        config = checked({"corpus": {"name": "folder"}, "model": model, "train": train})
        open_run(folder / "run", config)
        task = modality(config).task(config, prepare(config, folder / "run", folder))
        stepper = Stepper(config, task, alone(config.train))
        stepper.model.train()
        try:
            yield stepper
        finally:
            stepper.close()


def demo_rows(graph: Any, steps: int) -> list[Row]:
    """Measure whole training steps of the demo recipe."""
    name = "one CUDA graph" if graph == "auto" else "operations one by one"
    with demo_stepper(graph) as stepper:
        for _ in range(20):
            stepper._advance()
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(steps):
            stepper._advance()
        torch.cuda.synchronize()
        milliseconds = 1e3 * (time.perf_counter() - begin) / steps
        if graph == "auto" and stepper._recording is None:
            print("the steps were not recorded: see the warning above", file=sys.stderr)
            return []
    goal = DEMO_GOAL_MS if graph == "auto" else None
    met = None if goal is None else milliseconds <= goal
    return [Row("demo recipe, 8 x 5,120 samples", f"a step, {name}", milliseconds, "ms", goal, met)]


def table(ceilings: list[Row], seconds: float) -> list[Row]:
    """Measure everything that there is time for, in the order of its weight."""
    ceiling, clock, found = ceilings[1].value * 1e9, Clock(), list(ceilings)
    parts: list[tuple[str, Callable[[], list[Row]]]] = [
        ("demo recipe, recorded", lambda: demo_rows("auto", 100)),
        ("demo recipe, one by one", lambda: demo_rows(False, 50)),
        *((f"30x64, {way}", partial(decoder_rows, SMALL, way, ceiling, seconds)) for way in (TRITON, COMPILED)),
        ("30x256, compiled", partial(decoder_rows, PAPER, COMPILED, ceiling, seconds)),
        ("30x64, plain", partial(decoder_rows, SMALL, PLAIN, ceiling, seconds)),
        ("Muon", lambda: muon_rows(seconds)),
    ]
    for name, measure in parts:
        if clock.allows(name):
            try:
                found += measure()
            except torch.OutOfMemoryError as error:
                print(f"left out, {name}: {str(error).splitlines()[0]}", file=sys.stderr)
    return found
