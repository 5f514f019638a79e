"""The cores that other programs use, from Linux's counters."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

STAT = Path("/proc/stat")
LEAST_S = 0.3
"""Shortest time to measure over: the counters advance by 0.01 s."""


class _Counters(NamedTuple):
    time_s: float
    busy_s: float
    own_s: float


class Load:
    """Measures how many cores other programs use, of those that this process may use.

    Programs of lower priority than this process, with a positive nice value, are not counted: they give way. Time that
    a hypervisor gives to other machines is.

    Attributes
    ----------
    cores : number of cores that this process may use
    """

    def __init__(self) -> None:
        self._names = {f"cpu{number}" for number in available_cores()}
        self.cores = len(self._names)
        self._before, self._last = self._counters(), 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the last result."""
        return LEAST_S if self._before is None else time.monotonic() - self._before.time_s

    def others(self, least_s: float = LEAST_S) -> float:
        """Return the mean number of cores that others used since the last result; 0 where it cannot be known.

        Parameters
        ----------
        least_s : the last result is returned again within so many seconds
        """
        now = self._counters()
        if now is None or self._before is None:
            return 0.0
        seconds = now.time_s - self._before.time_s
        if seconds >= least_s:
            used = now.busy_s - self._before.busy_s - (now.own_s - self._before.own_s)
            self._last = min(max(used / seconds, 0.0), float(self.cores))
            self._before = now
        return self._last

    def _counters(self) -> _Counters | None:
        """Return the time, and the seconds in which these cores and this process have worked; None if unknown."""
        try:
            lines = STAT.read_text(encoding="ascii", errors="replace").splitlines()
            tick, busy = os.sysconf("SC_CLK_TCK"), 0
            for line in lines:
                name, _, values = line.partition(" ")
                if name in self._names:
                    user, nice, system, _, _, *rest = map(int, values.split()[:8])
                    busy += user + system + sum(rest) + (nice if os.nice(0) > 0 else 0)
        except (OSError, ValueError):
            return None
        own = os.times()
        return _Counters(time.monotonic(), busy / tick, own.user + own.system)


def available_cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
