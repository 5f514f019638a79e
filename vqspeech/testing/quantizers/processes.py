"""Two processes: after each update the state is the same on both, whatever frames each had."""

from __future__ import annotations

import datetime
import multiprocessing
import tempfile
import traceback
from pathlib import Path

import pytest
import torch

from vqspeech.nn.quantize import Quantizer
from vqspeech.testing.quantizers.subject import QuantizerSubject, generator, same_bits, snapshot

LIMIT_S = 60.0
"""How long two processes may take together; a collective that only one of them enters waits for ever."""

FRAMES = ((7, 0), (0, 11), (5, 3), (0, 0), (20, 1))
"""Real frames on each rank, step after step, in turn."""

UPDATES = 40
"""Enough for codes to be revived."""


def two_processes(subject: QuantizerSubject) -> None:
    """Two processes (gloo) with unequal and empty batches, the quantizer built before the process group: the same bits on both, and
    those of one process with all the frames as far as rounding goes."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("needs os.fork")
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("needs torch.distributed with gloo")
    quantizer = subject.started()
    with tempfile.TemporaryDirectory() as folder:
        _run_both(subject, quantizer, Path(folder))
        states = [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    for number, (one, two) in enumerate(zip(*states, strict=True), start=1):
        assert not (differ := same_bits(one, two)), f"after update {number} the ranks differ in {', '.join(differ)}"
    for step in range(len(FRAMES)):
        shares = [_share(subject, step, rank) for rank in (0, 1)]
        quantizer(torch.cat([z for z, _ in shares]), torch.cat([mask for _, mask in shares]))
        quantizer.update(generator(step))
    for name, tensor in quantizer.state_dict().items():
        assert torch.allclose(tensor.float(), states[0][len(FRAMES) - 1][name].float(), rtol=1e-3, atol=1e-4), (
            f"two processes leave another {name} than one with all the frames: statistics are not summed over processes"
        )


def _share(subject: QuantizerSubject, step: int, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    real = FRAMES[step % len(FRAMES)][rank]
    return 3 * subject.latents(1, 20, seed=1000 * rank + step), (torch.arange(20) < real)[None]


def _run_both(subject: QuantizerSubject, quantizer: Quantizer, folder: Path) -> None:
    context = multiprocessing.get_context("fork")  # any factory will do: nothing has to be pickled
    workers = [context.Process(target=_worker, args=(subject, quantizer, rank, folder), daemon=True) for rank in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(LIMIT_S)
    stuck = [worker for worker in workers if worker.is_alive()]
    for worker in stuck:
        worker.kill()
        worker.join()
    errors = [path.read_text() for path in sorted(folder.glob("*.txt"))]
    assert not errors, f"a process failed: {errors[0].strip().splitlines()[-1]}\n{errors[0]}"
    assert not stuck, (
        f"the processes wait for each other after {LIMIT_S:.0f} s: call collectives whether or not there are frames"
    )
    assert all((folder / f"{rank}.pt").exists() for rank in (0, 1)), "a process died without a word"


def _worker(subject: QuantizerSubject, quantizer: Quantizer, rank: int, folder: Path) -> None:
    try:
        torch.set_num_threads(1)  # a forked process must not use the thread pool of its parent
        torch.distributed.init_process_group(
            "gloo",
            init_method=f"file://{folder}/store",
            rank=rank,
            world_size=2,
            timeout=datetime.timedelta(seconds=LIMIT_S / 4),
        )
        states = []
        with torch.no_grad():
            for step in range(UPDATES):
                quantizer(*_share(subject, step, rank))
                quantizer.update(generator(step))
                states.append(snapshot(quantizer))
        torch.save(states, folder / f"{rank}.pt")
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    except BaseException:
        (folder / f"{rank}.txt").write_text(traceback.format_exc())


CHECKS = (two_processes,)
