"""The rows that benchmarks print and write: case, metric, value, unit, goal, met, and the peer's value measured in the same run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line of a table; `met` is None without a goal, `peer` without a peer."""

    case: str
    metric: str
    value: float
    unit: str
    goal: float | None = None
    met: bool | None = None
    peer: float | None = None


def show(rows: Sequence[Row]) -> None:
    """Print a table."""
    wide = max(len(row.case) for row in rows)
    print(f"{'case':<{wide}}  {'metric':<22} {'value':>10} {'unit':<6} {'goal':>7} {'met':>4} {'peer':>10}")
    for row in rows:
        goal = "" if row.goal is None else f"{row.goal:g}"
        met = {None: "", True: "yes", False: "NO"}[row.met]
        peer = "" if row.peer is None else f"{row.peer:.3f}"
        print(f"{row.case:<{wide}}  {row.metric:<22} {row.value:>10.3f} {row.unit:<6} {goal:>7} {met:>4} {peer:>10}")


def write(rows: Sequence[Row], path: Path) -> None:
    """Write rows as a JSON list of objects."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
