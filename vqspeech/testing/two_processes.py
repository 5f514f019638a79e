"""Run a function in two processes of one job, as data-parallel training does, and compare what they return."""

from __future__ import annotations

import datetime
import multiprocessing
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

LIMIT_S = 60.0
"""How long two processes may take together; a collective that only one of them enters waits for ever."""


def run_in_two(work: Callable[[int], Any]) -> list[Any]:
    """Call ``work(rank)`` in two forked processes that form a gloo group; return what each gave.

    Parameters
    ----------
    work : returns tensors, in lists, tuples or dictionaries; runs without autograd, on one thread

    Raises
    ------
    AssertionError : when a process fails, or waits for the other one for more than `LIMIT_S`
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("needs os.fork")
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("needs torch.distributed with gloo")
    # Any factory will do: nothing has to be pickled.
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        workers = [context.Process(target=_worker, args=(work, rank, folder), daemon=True) for rank in (0, 1)]
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
        assert not stuck, f"the processes wait for each other after {LIMIT_S:.0f} s: call collectives whatever the data"
        paths = [folder / f"{rank}.pt" for rank in (0, 1)]
        assert all(path.exists() for path in paths), "a process died without a message"
        return [torch.load(path, weights_only=True) for path in paths]


def _worker(work: Callable[[int], Any], rank: int, folder: Path) -> None:
    try:
        # a forked process must not use the thread pool of its parent
        torch.set_num_threads(1)
        torch.distributed.init_process_group(
            "gloo",
            init_method=f"file://{folder}/store",
            rank=rank,
            world_size=2,
            timeout=datetime.timedelta(seconds=LIMIT_S / 4),
        )
        with torch.no_grad():
            torch.save(work(rank), folder / f"{rank}.pt")
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    except BaseException:
        (folder / f"{rank}.txt").write_text(traceback.format_exc())
