"""Results of `vqspeech evaluate` for a model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import InputError

COLUMNS = (
    ("wer", "WER", 2),
    ("cer", "CER", 2),
    ("wer_to_original", "WER to original", 2),
    ("similarity_target", "similarity to target", 2),
    ("dnsmos", "DNSMOS", 2),
)
"""Measure in results.json, its heading, digits after the point."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Judged speech of one model.

    Parameters
    ----------
    runs : names of the model in results.json; several where it was judged at several rates
    rows : rows of results.json of the originals and of the model
    data : what was spoken, in words
    recogniser : name of the recogniser; empty without one
    unheard : whether the speakers of the sources are not in the training data
    """

    runs: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    data: str
    recogniser: str
    unheard: bool

    @property
    def conversions(self) -> Mapping[str, Any] | None:
        """The row of all conversions, of the first name of the model."""
        return next((row for row in self.rows if row["kind"] == "conversion" and row["run"] == self.runs[0]), None)

    def table(self) -> list[str]:
        """Return the rows as a Markdown table."""
        columns = [column for column in COLUMNS if any(_value(row, column[0]) is not None for row in self.rows)]
        several = len(self.runs) > 1
        headings = " | ".join(heading for _, heading, _ in columns)
        lines = [
            f"|{' model |' if several else ''} speech | voice | clips | {headings} |",
            f"|{'---|' * (3 + several + len(columns))}",
        ]
        for row in self.rows:
            cells = [_cell(row, name, digits) for name, _, digits in columns]
            kind = str(row["kind"]).replace("_", " ")
            name = f" {row['run']} |" if several else ""
            lines.append(f"|{name} {kind} | {row['voice'] or 'all'} | {row['clips']} | {' | '.join(cells)} |")
        return lines


def find_results(run: Path) -> Path | None:
    """Return the newest ``results.json`` with judged rows in a run directory, or a folder in it."""
    found = [path for path in (run / "results.json", *run.glob("*/results.json")) if _rows(path) is not None]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def read_results(path: Path, codec: SpeechCodec) -> Judged:
    """Read the judged rows of a model, at all rates at which it was judged.

    Parameters
    ----------
    path : results.json of `vqspeech evaluate`, or its folder
    codec : the model, among several in the results

    Raises
    ------
    InputError : for a file that cannot be read or holds no judged rows, or not those of the model
    """
    path = path / "results.json" if path.is_dir() else path
    results = _rows(path)
    if results is None:
        raise InputError(f"{path} holds no results of `vqspeech evaluate`; omit --results for a card without them")
    try:
        runs = _runs(results["runs"], codec)
        rows = tuple(row for row in results["rows"] if row["run"] in ("", *runs))
        data, judge = results.get("data", {}), results.get("judge", {}).get("recogniser") or {}
        judged = Judged(
            runs=runs,
            rows=rows,
            data=str(data.get("variant") or data.get("name") or data.get("corpus") or ""),
            unheard=data.get("heard_in_training") is False,
            recogniser=str(judge.get("model") or judge.get("name") or ""),
        )
        judged.table()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path} cannot be used: {error!r}") from error
    if not any(row["run"] in runs for row in rows):
        raise InputError(f"{path} holds no row of the model {codec.path}")
    return judged


def _runs(runs: Sequence[Mapping[str, Any]], codec: SpeechCodec) -> tuple[str, ...]:
    """Return the names of a model in results, the one of its own rate first: by checkpoint, step, or the only one."""
    fits = [run for run in runs if Path(run["checkpoint"]).absolute() == codec.path.absolute()]
    fits = fits or [run for run in runs if run["step"] == codec.step] or list(runs)[:1]
    sizes = list(codec.codebook_sizes)
    return tuple(str(run["run"]) for run in sorted(fits, key=lambda run: run.get("codebook_sizes") != sizes))


def _rows(path: Path) -> dict[str, Any] | None:
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    # Of an evaluation, or of a recipe with the stage judge.
    for found in (results, results.get("judged")) if isinstance(results, dict) else ():
        if isinstance(found, dict) and found.get("rows") and found.get("runs"):
            return found
    return None


def _value(row: Mapping[str, Any], measure: str) -> float | None:
    value = row["measures"].get(measure, {}).get("value")
    return None if value is None else float(value)


def _cell(row: Mapping[str, Any], measure: str, digits: int) -> str:
    value, interval = _value(row, measure), row["measures"].get(measure, {}).get("ci95")
    if value is None:
        return ""
    shown = f"{value:.{digits}f}"
    return f"{shown} ({interval[0]:.{digits}f} to {interval[1]:.{digits}f})" if interval else shown
