"""A limit on how long a plugin may take to import, since one that hangs would hang every command."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

DEFAULT_LIMIT_S = 20.0


class ImportTimeout(BaseException):
    """An import that took too long. No `Exception`, so that a plugin's own ``except Exception`` does not swallow it."""


def import_limit_s(environ: Mapping[str, str]) -> float:
    """``VQSPEECH_PLUGIN_TIMEOUT`` in seconds; `DEFAULT_LIMIT_S` where it is not set or is no positive number."""
    try:
        limit_s = float(environ.get("VQSPEECH_PLUGIN_TIMEOUT", ""))
    except ValueError:
        return DEFAULT_LIMIT_S
    return limit_s if 0 < limit_s < float("inf") else DEFAULT_LIMIT_S


@contextmanager
def time_limit(limit_s: float) -> Iterator[None]:
    """Raise `ImportTimeout` in the block after a while.

    It works by SIGALRM: in the main thread, on systems that have it, when nobody else has set the alarm, and for code that comes back to the
    interpreter. Elsewhere there is no limit; `vqspeech plugins doctor`, which imports in processes of their own, has one always.
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
