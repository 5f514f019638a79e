"""Threads that take whole pieces of work, each piece computed by one thread.

PyTorch divides every operation among its threads, which wait for each other at its end, hundreds of times in a step.
Where another program takes a core, each of these waits lasts until the slowest thread has had its turn. Threads that
take pieces meet once, and one that has a core to itself takes more of them.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch

T = TypeVar("T")

_count: ContextVar[int | None] = ContextVar("workers", default=None)


@contextmanager
def workers(count: int) -> Iterator[None]:
    """Take pieces with so many threads within the block; otherwise with `torch.get_num_threads()`."""
    token = _count.set(count)
    try:
        yield
    finally:
        _count.reset(token)


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one of PyTorch's threads within the block, for operations too small to be divided.

    Threads that wait for each other at the end of thousands of small operations take 30 times as long where another
    program uses a core.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def each(work: Callable[[int], T], pieces: int) -> list[T]:
    """Compute work(0), work(1), ... on several threads, and return the results in this order.

    Within a piece PyTorch uses one thread, or ``torch.get_num_threads() // pieces`` if that is more. So results do not
    depend on the number of workers, and on that of PyTorch's threads only where it is at least twice that of pieces.

    Parameters
    ----------
    work : called with the number of a piece; in other threads, which know nothing of the caller's autograd modes
    pieces : number of pieces
    """
    threads = torch.get_num_threads()
    inside = max(1, threads // pieces)
    count = min(_count.get() or threads, pieces)

    def alone(piece: int) -> T:
        torch.set_num_threads(inside)
        # Pieces of a piece would wait for the threads that compute it.
        with workers(1):
            return work(piece)

    try:
        if count == 1:
            return [alone(piece) for piece in range(pieces)]
        # All threads of a process see this number, which is put back once every piece has ended.
        futures: list[Future[T]] = [_pool(os.getpid(), count).submit(alone, piece) for piece in range(pieces)]
        wait(futures)
        return [future.result() for future in futures]
    finally:
        torch.set_num_threads(threads)


@functools.cache
def _pool(process: int, count: int) -> ThreadPoolExecutor:
    """Return the threads of a process; a forked one has none of its parent's."""
    return ThreadPoolExecutor(count, thread_name_prefix="vqspeech-piece")
