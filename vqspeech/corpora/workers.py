"""Worker processes that end with the process that started them."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from vqspeech.errors import VQSpeechError

Job = TypeVar("Job")
Made = TypeVar("Made")


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of fresh processes that end on Ctrl-C and when their parent dies.

    They are no forks: this process may run PyTorch threads, and a forked lock stays locked.
    """
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_start_worker)


def over_processes(
    work: Callable[[Job], Made], jobs: Iterable[Job], workers: int, *, what: str = "a process"
) -> Iterator[Made]:
    """Yield work(job) for each job in turn; so many processes work on several jobs at a time.

    Parameters
    ----------
    work, jobs : can be pickled when there are several processes
    workers : number of processes; 1 for none but this
    what : names a process in an error

    Raises
    ------
    VQSpeechError : when a process ends by itself
    """
    if workers <= 1:
        yield from map(work, jobs)
        return
    pool = worker_pool(workers)
    try:
        yield from pool.map(work, jobs)
    except BrokenProcessPool as error:
        raise VQSpeechError(
            f"{what} died: out of memory, killed, or started by a script without `if __name__ == '__main__':`; give it "
            "fewer workers (one needs no other process)"
        ) from error
    finally:
        # After an error or Ctrl-C, jobs that wait are not begun.
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
