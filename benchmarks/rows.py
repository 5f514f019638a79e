"""Rows of benchmarks: case, metric, value, unit, goal, met, and the peer's value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
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


def at_least(
    case: str, metric: str, value: float, unit: str, goal: float | None = None, peer: float | None = None
) -> Row:
    """Make a row whose goal, if there is one, is met from that value upwards."""
    return Row(case, metric, value, unit, goal, None if goal is None else value >= goal, peer)


def show(rows: Sequence[Row]) -> None:
    """Print a table with columns as wide as their cells."""
    table = [tuple(field.name for field in fields(Row)), *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        case, metric, value, unit, *rest = (cell.ljust(wide) for cell, wide in zip(line, widths, strict=True))
        numbers = [cell.strip().rjust(len(cell)) for cell in (value, *rest)]
        print("  ".join([case, metric, numbers[0], unit, *numbers[1:]]).rstrip())


def _cells(row: Row) -> tuple[str, ...]:
    met = {None: "", True: "yes", False: "NO"}[row.met]
    return (row.case, row.metric, _number(row.value), row.unit, _number(row.goal), met, _number(row.peer))


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def write(rows: Sequence[Row], path: Path) -> None:
    """Write rows as a JSON list of objects."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
