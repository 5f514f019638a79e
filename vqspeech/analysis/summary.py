"""Summaries of analyses: as JSON values, as text for a terminal, and compared over several runs."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech.report import Table


def json_values(value: Any, key: str = "") -> Any:
    """Convert a value to JSON values.

    Mappings, sequences, dataclasses, NumPy arrays and scalars, and paths are converted; numbers that are not finite
    become None.

    Parameters
    ----------
    key : key of the value, for messages

    Raises
    ------
    TypeError : for anything else; names the key
    """
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.generic):
        return json_values(value.item(), key)
    if isinstance(value, np.ndarray):
        return json_values(value.tolist(), key)
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return json_values({one.name: getattr(value, one.name) for one in dataclasses.fields(value)}, key)
    if isinstance(value, Mapping):
        return {str(name): json_values(item, f"{key}.{name}" if key else str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [json_values(item, f"{key}[{index}]") for index, item in enumerate(items)]
    raise TypeError(f"{key or 'the value'} is an object of type {type(value).__name__}, which has no JSON form")


def as_lines(summary: Mapping[str, Any]) -> list[str]:
    """Format a summary of JSON values as aligned lines; nested values are indented below their name."""
    return list(_lines(summary, ""))


def _lines(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    width = max((len(str(name)) for name, value in values.items() if not _is_long(value)), default=0)
    for name, value in values.items():
        if not _is_long(value):
            yield f"{indent}{name!s:{width}}  {_short(value)}"
            continue
        yield f"{indent}{name}"
        deeper = f"{indent}  "
        if isinstance(value, Mapping):
            yield from _lines(value, deeper)
            continue
        if all(isinstance(item, int | float) for item in value):
            yield from textwrap.wrap(" ".join(map(_short, value)), 100, initial_indent=deeper, subsequent_indent=deeper)
            continue
        for item in value:
            if isinstance(item, Mapping):
                first, *rest = _lines(item, "") if item else [""]
                yield f"{deeper}- {first}"
                yield from (f"{deeper}  {line}" for line in rest)
            else:
                yield f"{deeper}- {_short(item)}"


def _is_long(value: Any) -> bool:
    """Return whether a value needs lines of its own: a nested mapping or a long list."""
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list) and (any(isinstance(item, Mapping) for item in value) or len(_short(value)) > 80)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e-3 or abs(value) >= 1e5 else f"{value:.4f}"
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    if isinstance(value, Mapping):
        return "{}" if not value else f"{{{', '.join(f'{name}: {_short(item)}' for name, item in value.items())}}}"
    return "-" if value is None else str(value)


def numbers(summary: Mapping[str, Any], prefix: str = "") -> dict[str, float | None]:
    """Return the numbers of a summary by dotted name, None for missing values, without lists."""
    values: dict[str, float | None] = {}
    for name, value in summary.items():
        if isinstance(value, Mapping):
            values |= numbers(value, f"{prefix}{name}.")
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            values[f"{prefix}{name}"] = value
    return values


def over_runs(scores: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, float]]:
    """Compute mean, standard deviation (n - 1), least and greatest of each score that every run has."""
    statistics = {}
    for name in scores[0]:
        values = [one.get(name) for one in scores]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            statistics[name] = {
                "mean": float(np.mean(known)),
                "sd": float(np.std(known, ddof=1)) if len(known) > 1 else 0.0,
                "min": float(min(known)),
                "max": float(max(known)),
            }
    return statistics


def table_of_runs(names: Sequence[str], scores: Sequence[Mapping[str, float | None]]) -> Table:
    """Make a table with a row per score that every run has: each run, mean, standard deviation."""
    rows = [
        (name, *(_cell(one[name]) for one in scores), _cell(spread["mean"]), _cell(spread["sd"]))
        for name, spread in over_runs(scores).items()
    ]
    return Table(columns=("", *names, "mean", "sd"), rows=tuple(rows), caption=f"{len(scores)} runs")


def side_by_side(names: Sequence[str], scores: Sequence[Mapping[str, float | None]]) -> Table:
    """Make a table with a row per score that any of several has, without statistics: they are of different kinds."""
    keys = dict.fromkeys(key for one in scores for key in one)
    rows = [(key, *(_cell(one.get(key)) for one in scores)) for key in keys]
    return Table(columns=("", *names), rows=tuple(rows), caption=f"{len(scores)} kinds of units")


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Format rows of cells as lines: the first column left-aligned, the others right-aligned."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]


def table_lines(table: Table) -> list[str]:
    """Format a table of a report as lines."""
    return aligned([table.columns, *([_short(cell) for cell in row] for row in table.rows)])


def _cell(value: float | None) -> str | None:
    return None if value is None else _short(value)
