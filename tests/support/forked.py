"""Work in forked processes, such as the command ``vqspeech``, which are spared the seconds that imports take."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TextIO

import torch

from vqspeech.cli.main import main

LIMIT_S = 120.0


class Ended(NamedTuple):
    """What a process left: its exit code, or minus a signal, and what it printed."""

    code: int
    stdout: str
    stderr: str


class Forked:
    """A running process that prints to two files of a folder."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.pid, self._folder, self._code = pid, folder, None

    def poll(self) -> int | None:
        """Return the exit code, or minus a signal; None while the process runs."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, which holds before the process ends."""
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert self.poll() is None, f"it ended: {self._printed()}"
            assert time.monotonic() < deadline, f"it is stuck: {self._printed()}"
            time.sleep(0.005)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to a process that still runs."""
        assert self.poll() is None, f"it ended: {self._printed()}"
        os.kill(self.pid, number)

    def ended(self) -> Ended:
        """Wait for the end."""
        deadline = time.monotonic() + LIMIT_S
        while self.poll() is None:
            assert time.monotonic() < deadline, f"it does not end: {self._printed()}"
            time.sleep(0.005)
        return self._printed()

    def _printed(self) -> Ended:
        return Ended(self._code, *((self._folder / name).read_text() for name in ("stdout", "stderr")))


@contextmanager
def forked_work(
    folder: Path, work: Callable[[], object], environment: Mapping[str, str] | None = None
) -> Iterator[Forked]:
    """Call a function in a process with one thread and a terminal's signals; kill it afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    streams = [(folder / name).open("w") for name in ("stdout", "stderr")]
    pid = os.fork()
    if pid == 0:
        _run(work, *streams, environment or {})
    for stream in streams:
        stream.close()
    process = Forked(pid, folder)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(pid, signal.SIGKILL)
            process.ended()


def command(*words: object) -> Callable[[], None]:
    """Return the work of ``vqspeech`` with arguments of any type."""
    return partial(_command, [str(word) for word in words])


def forked(folder: Path, *words: object) -> AbstractContextManager[Forked]:
    """Run ``vqspeech``; see `forked_work`."""
    return forked_work(folder, command(*words))


def run_forked(folder: Path, *words: object) -> Ended:
    """Run ``vqspeech`` to its end."""
    with forked(folder, *words) as process:
        return process.ended()


def run_job(folder: Path, work: Callable[[], object], processes: int = 2) -> list[Ended]:
    """Do the same work in processes of one job, with the environment that torchrun gives them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    count = str(processes)
    job = {"TORCHELASTIC_RUN_ID": "tests", "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "GROUP_RANK": "0", **place}
    with ExitStack() as stack:
        ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]
        started = [stack.enter_context(forked_work(folder / rank["RANK"], work, {**job, **rank})) for rank in ranks]
        return [process.ended() for process in started]


def _command(words: list[str]) -> None:
    sys.argv = ["vqspeech", *words]
    main()


def _run(work: Callable[[], object], stdout: TextIO, stderr: TextIO, environment: Mapping[str, str]) -> None:
    code: object = 99
    with suppress(BaseException):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        # A forked process must not use the thread pool of its parent.
        os.environ.update(environment, OMP_NUM_THREADS="1")
        torch.set_num_threads(1)
        sys.stdout, sys.stderr = stdout, stderr
        # Pytest collects warnings instead.
        warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=stderr)
        try:
            work()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
        stdout.flush()
        stderr.flush()
    os._exit(code if isinstance(code, int) else 1)
