"""A command in a second process, held at the moment when it puts its first file in place."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from commands import invoke

LIMIT_S = 60.0


class Paused:
    """The process; `ended` lets it go on and returns its exit code and output."""

    def __init__(self, process: multiprocessing.Process, inbox, goes_on) -> None:
        self.process, self._inbox, self._goes_on = process, inbox, goes_on

    def ended(self) -> tuple[int, str]:
        self._goes_on.set()
        assert self._inbox.poll(LIMIT_S), "it does not end"
        result = self._inbox.recv()
        self.process.join(LIMIT_S)
        return result


@contextmanager
def paused(root: Path, *words) -> Iterator[Paused]:
    """Run a command in a forked process; yield when it is about to rename a file or folder below `root`."""
    context = multiprocessing.get_context("fork")
    inbox, outbox = context.Pipe(duplex=False)
    reached, goes_on = context.Event(), context.Event()
    process = context.Process(target=_run, args=(str(root), words, reached, goes_on, outbox), daemon=True)
    process.start()
    try:
        if not reached.wait(LIMIT_S):
            raise AssertionError(f"it writes nothing: {inbox.recv() if inbox.poll(1) else 'stuck'}")
        yield Paused(process, inbox, goes_on)
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.join()


def _run(root, words, reached, goes_on, outbox) -> None:
    # A forked process must not use the thread pool of its parent.
    torch.set_num_threads(1)

    def pausing(original):
        def call(source, *rest, **options):
            if os.fsdecode(source).startswith(root) and not reached.is_set():
                reached.set()
                goes_on.wait(LIMIT_S)
            return original(source, *rest, **options)

        return call

    os.replace, os.rename = pausing(os.replace), pausing(os.rename)
    result = invoke(*words)
    outbox.send((result.exit_code, result.output))
