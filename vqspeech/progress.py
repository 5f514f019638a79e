"""Progress of long work: a line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


class Progress:
    """A progress line with the remaining time, redrawn on a terminal, else printed repeatedly.

    Parameters
    ----------
    label : name of the work
    total : units of work
    done : units finished before
    every_s : minimal interval of plain lines, in seconds
    """

    def __init__(self, label: str, total: int, done: int = 0, every_s: float = 15.0) -> None:
        self.label, self.total, self.first = label, total, done
        self.every_s = every_s
        self.started = time.monotonic()
        self._shown_at = 0.0
        self._terminal = sys.stderr.isatty()

    def rate(self, done: int) -> float:
        """Return units per second since the start; 0 at the start."""
        elapsed = time.monotonic() - self.started
        return (done - self.first) / elapsed if elapsed > 0 else 0.0

    def update(self, done: int, note: str = "") -> None:
        """Show the finished units, and current figures as `note`."""
        now = time.monotonic()
        last = done >= self.total
        if not last and now - self._shown_at < (0.2 if self._terminal else self.every_s):
            return
        self._shown_at = now
        elapsed, rate = now - self.started, self.rate(done)
        left = f"{_clock((self.total - done) / rate)} left" if rate > 0 and not last else _clock(elapsed)
        line = f"{self.label} {done}/{self.total}  {left}" + (f"  {note}" if note else "")
        if self._terminal:
            print(f"\r\x1b[2K{line[:160]}", end="\n" if last else "", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def reporter(label: str, note: Callable[[float], str] | None = None) -> Callable[[int, int], None]:
    """Return a function of (done, total) that shows progress from its first call on.

    Fewer units done than before are those of the next part of the work, with a total of its own.

    Parameters
    ----------
    label : name of the work
    note : converts the rate in units per second to figures to show
    """
    progress: Progress | None = None
    before = 0

    def report(done: int, total: int) -> None:
        nonlocal progress, before
        if progress is None or done < before:
            progress = Progress(label, total, done)
        before = done
        rate = progress.rate(done)
        progress.update(done, note(rate) if note is not None and rate > 0 else "")

    return report


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
