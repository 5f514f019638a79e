"""Wall times of repeated calls."""

from __future__ import annotations

import time
from collections.abc import Callable


def best(
    work: Callable[[], object], seconds: float, fewest: int = 3, wait: Callable[[], object] = lambda: None
) -> float:
    """Return the least wall time of one call in seconds, after a first call that is not counted.

    Parameters
    ----------
    work : the call to measure
    seconds : duration of the repetitions
    fewest : minimal number of calls
    wait : waits until the device has finished, such as ``torch.cuda.synchronize``
    """
    work()
    wait()
    least, calls, started = float("inf"), 0, time.perf_counter()
    while calls < fewest or time.perf_counter() - started < seconds:
        begin = time.perf_counter()
        work()
        wait()
        least, calls = min(least, time.perf_counter() - begin), calls + 1
    return least
