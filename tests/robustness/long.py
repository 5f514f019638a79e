"""Fuzz every reader, kill and disturb every kind of work, for some time, and print a table.

``python tests/robustness/long.py --minutes 60 [--cases 10000] [TARGET...]``
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support")]

from fuzzing import run, targets  # noqa: E402
from interrupted import FAULTS, KILLS  # noqa: E402

MOST_BYTES = 2 * 2**30
"""Memory that a reader may use, beyond what is in use before."""


def main() -> int:
    """Run the targets in turn, each for its share of the time left; return 1 after a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--cases", type=int, default=sys.maxsize, help="At most so many of each target.")
    parser.add_argument("--first-seed", type=int, default=1000, help="Seeds below are those of the test suite.")
    parser.add_argument("names", nargs="*", metavar="TARGET", help="Begin of the names: labels, kills, ...")
    arguments = parser.parse_args()
    readers, names = targets(), tuple(arguments.names)
    every = [*readers, *KILLS, *FAULTS]
    chosen = [target for target in every if target.name.startswith(names) or not names]
    warnings.simplefilter("ignore")
    until, failed = time.monotonic() + 60 * arguments.minutes, False
    seeds = range(arguments.first_seed, min(sys.maxsize, arguments.first_seed + arguments.cases))
    print(f"{'target':<24} {'cases':>8} {'accepted':>9} {'refused':>8} {'faults':>7} {'s':>6}", flush=True)
    for number, target in enumerate(chosen):
        begin = time.monotonic()
        share = (until - begin) / (len(chosen) - number)
        limit = _limited_memory() if target in readers else nullcontext()
        with limit, tempfile.TemporaryDirectory() as folder:
            tally = run(target, Path(folder) / "fuzz", seeds, begin + share)
        counts = f"{tally.cases:>8} {tally.accepted:>9} {tally.refused:>8} {tally.faults.total():>7}"
        print(f"{target.name:<24} {counts} {time.monotonic() - begin:>6.0f}", flush=True)
        if tally.faults:
            failed = True
            print(tally, flush=True)
    return int(failed)


@contextmanager
def _limited_memory() -> Iterator[None]:
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


if __name__ == "__main__":
    sys.exit(main())
