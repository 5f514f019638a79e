"""A limit on the import time of a plugin, since one that hangs would block every command."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

DEFAULT_LIMIT_S = 20.0


class ImportTimeout(BaseException):
    """An import beyond the time limit; not an `Exception`, so that plugins do not catch it."""


def import_limit_s(environ: Mapping[str, str]) -> float:
    """Return ``VQSPEECH_PLUGIN_TIMEOUT`` in seconds; `DEFAULT_LIMIT_S` if unset or unusable."""
    try:
        limit_s = float(environ.get("VQSPEECH_PLUGIN_TIMEOUT", ""))
    except ValueError:
        return DEFAULT_LIMIT_S
    return limit_s if 0 < limit_s < float("inf") else DEFAULT_LIMIT_S


@contextmanager
def time_limit(limit_s: float) -> Iterator[None]:
    """Raise `ImportTimeout` in the block after a time limit.

    Uses SIGALRM: in the main thread, on systems that have it, when no other alarm is set, and for code that returns to
    the interpreter. Elsewhere there is no limit, except in `vqspeech plugins doctor`, which imports in other processes.
    """
    free = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not free or signal.getitimer(signal.ITIMER_REAL)[0] > 0:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise ImportTimeout(f"took longer than {limit_s:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
