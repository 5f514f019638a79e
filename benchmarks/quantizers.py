"""Time and memory of quantizers beside vector-quantize-pytorch, on the same latents, in one run.

    python benchmarks/quantizers.py [--frames 200000] [--codes 512] [--dim 64] [--threads 1] [--json FILE]

The peer comes from the package index: pip install 'vector-quantize-pytorch>=1.31,<1.33'. Every case runs in a process
of its own, ours and the peer's alternating, on the same random latents (batch of 8). Time is the best of several
passes. Memory is what the first passes need beyond the latents and everything loaded: the rise of the process's peak
resident size (ru_maxrss) over its resident size before, after a pass on 64 frames that loads and starts what there is.
On a CPU. A pass is

- lookup: codes of latents, nothing learned (evaluation mode);
- forward + update: a training pass without gradients, and the codebook moved;
- training: the same with gradients to the latents, forward and backward.

The peer's options are those under which it does the same work: no k-means, no revival of its own, straight-through
gradient, decay 0.99.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import rows as tables
from rows import Row

PASSES = ("lookup", "forward + update", "training")
BATCH = 8
SECONDS = 3.0


class Case(NamedTuple):
    """What is measured: a registered quantizer with options, and what the peer calls it."""

    name: str
    options: dict[str, Any]
    peer: str
    peer_options: dict[str, Any]
    passes: tuple[str, ...] = PASSES


def cases(codes: int) -> list[Case]:
    """Return the cases: the EMA codebook, which has goals, and others of both libraries."""
    shared = {"decay": 0.99, "commitment_weight": 0.25, "rotation_trick": False}
    return [
        Case(
            "ema",
            {"codebook_size": codes},
            "VectorQuantize",
            {**shared, "codebook_size": codes, "threshold_ema_dead_code": 0},
        ),
        Case(
            "rvq",
            {"codebooks": 4, "codebook_size": codes // 2},
            "ResidualVQ",
            {**shared, "num_quantizers": 4, "codebook_size": codes // 2, "threshold_ema_dead_code": 0},
        ),
        Case("fsq", {"levels": [8, 5, 5, 5]}, "FSQ", {"levels": [8, 5, 5, 5]}),
    ]


def ours(case: Case, dim: int) -> tuple[Any, Callable[[Any], Any], Callable[[], None]]:
    """Return module, differentiable pass (latents to a scalar) and update."""
    import torch

    from vqspeech.model import build_quantizer

    quantizer = build_quantizer({"name": case.name, **case.options}, dim)
    generator = torch.Generator().manual_seed(0)

    def scalar(z: Any) -> Any:
        quantized = quantizer(z)
        return quantized.z_q.mean() + sum(quantized.losses.values())

    return quantizer, scalar, lambda: quantizer.update(generator)


def peers(case: Case, dim: int) -> tuple[Any, Callable[[Any], Any], Callable[[], None]]:
    """Return the same of vector-quantize-pytorch, whose pass updates the codebook."""
    import vector_quantize_pytorch

    module = getattr(vector_quantize_pytorch, case.peer)(dim=dim, **case.peer_options)

    def scalar(z: Any) -> Any:
        out, *others = module(z.transpose(1, 2))
        return out.mean() + sum(other.sum() for other in others if other.is_floating_point())

    return module, scalar, lambda: None


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Time and memory of one pass of one side of one case, in this process."""
    import torch

    torch.set_num_threads(options.threads)
    case = next(case for case in cases(options.codes) if case.name == options.case)
    torch.manual_seed(0)
    module, scalar, update = (ours if options.side == "ours" else peers)(case, options.dim)
    module.train(options.work != "lookup")

    def one(z: Any) -> None:
        with torch.set_grad_enabled(options.work == "training"):
            if options.work == "lookup" and options.side == "ours":
                module.encode(z)
                return
            value = scalar(z)
            if options.work == "training":
                z.grad = None
                value.backward()
            if options.work != "lookup":
                update()

    def latents(frames: int) -> Any:
        z = torch.randn(BATCH, options.dim, frames // BATCH, generator=torch.Generator().manual_seed(1))
        return z.requires_grad_(options.work == "training")

    one(latents(64))
    z = latents(options.frames)
    before = _resident()
    for _ in range(2):
        one(z)
    memory = _peak() - before
    least, passes, started = float("inf"), 0, time.perf_counter()
    while passes < 3 or time.perf_counter() - started < SECONDS:
        begin = time.perf_counter()
        one(z)
        least, passes = min(least, time.perf_counter() - begin), passes + 1
    return {"seconds": least, "megabytes": memory / 1e6}


def _resident() -> int:
    """Return the resident memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _peak() -> int:
    """Most bytes ever in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_process(options: argparse.Namespace, **what: str) -> dict[str, float]:
    """Run `measure` in a fresh process."""
    words = [sys.executable, __file__, *(f"--{name}={value}" for name, value in what.items())]
    words += [f"--{name}={getattr(options, name)}" for name in ("frames", "codes", "dim", "threads")]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{result.stderr}")
    figures: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return figures


def equal_codes(options: argparse.Namespace) -> float:
    """Share of frames to which both give the same code of the same codebook."""
    import torch

    case = cases(options.codes)[0]
    ours_once, _, _ = ours(case, options.dim)
    theirs, _, _ = peers(case, options.dim)
    codebook = torch.randn(options.codes, options.dim, generator=torch.Generator().manual_seed(2))
    ours_once._set_codebook(codebook)
    theirs._codebook.embed.copy_(codebook[None])
    z = torch.randn(BATCH, options.dim, 1000, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return (ours_once.encode(z)[:, 0] == theirs.eval()(z.transpose(1, 2))[1]).float().mean().item()


def rows(options: argparse.Namespace) -> list[Row]:
    """Measure and return the table."""
    table = []
    for case in cases(options.codes):
        for work in case.passes:
            theirs = in_process(options, case=case.name, work=work, side="peer")
            ours_once = in_process(options, case=case.name, work=work, side="ours")
            goals = case.name == "ema" and work != "lookup"
            name = f"{case.name}, {work}, {options.frames} x {options.codes} x {options.dim}"
            faster, share = (
                theirs["seconds"] / ours_once["seconds"],
                ours_once["megabytes"] / max(theirs["megabytes"], 1e-9),
            )
            table += [
                Row(name, "time", ours_once["seconds"] * 1e3, "ms", peer=theirs["seconds"] * 1e3),
                Row(name, "peak memory", ours_once["megabytes"], "MB", peer=theirs["megabytes"]),
                Row(name, "times as fast as peer", faster, "x", 2.0 if goals else None, faster >= 2 if goals else None),
                Row(name, "of peer's memory", share, "", 0.25 if goals else None, share <= 0.25 if goals else None),
            ]
    same = equal_codes(options)
    table.append(Row("ema, same codebook, 8000 frames", "equal codes", same, "", 0.999, same >= 0.999))
    return table


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--codes", type=int, default=512)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the rows here")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options)))
        return
    table = rows(options)
    tables.show(table)
    if options.json:
        tables.write(table, options.json)


if __name__ == "__main__":
    main()
