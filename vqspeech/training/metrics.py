"""The figures of training: rows of metrics.jsonl, their names, and the time that they take."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from vqspeech.errors import ConfigError
from vqspeech.files import finite, whole_file
from vqspeech.untrusted import json_object, text, whole


class MetricsLog:
    """Appends rows with ``step``, ``split`` and ``seconds`` to ``metrics.jsonl``.

    Opening it at a step drops the rows after that step, since a run that was killed after its last checkpoint repeats
    those steps.

    Parameters
    ----------
    path : the file
    step : the step that training continues from
    tensorboard : directory of event files to write as well, or None (needs the extra ``tensorboard``)
    writes : False in all processes but the first, which only read
    """

    def __init__(self, path: Path, step: int, tensorboard: Path | None = None, *, writes: bool = True) -> None:
        self._file: TextIO | None = None
        self._events: Any = None
        rows = [row for row in read_metrics(path) if row["step"] <= step]
        self.seconds_before = max((row["seconds"] for row in rows), default=0.0)
        if not writes:
            return
        with whole_file(path) as partial:
            partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")
        if tensorboard is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise ConfigError(
                    f"train.tensorboard needs a package that is not installed ({error}): "
                    "pip install 'vqspeech[tensorboard]', or omit it"
                ) from error

            self._events = SummaryWriter(tensorboard, purge_step=step + 1)

    def write(self, row: dict[str, Any]) -> None:
        """Append one row; figures that are not finite become null."""
        if self._file is None:
            return
        self._file.write(json.dumps(finite(row), allow_nan=False) + "\n")
        self._file.flush()
        if self._events is not None:
            for name, value in row.items():
                if name not in ("step", "split") and math.isfinite(value):
                    self._events.add_scalar(f"{row['split']}/{name}", value, row["step"])

    def close(self) -> None:
        """Close the files."""
        if self._file is not None:
            self._file.close()
        if self._events is not None:
            self._events.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a metrics.jsonl up to the first torn line; a missing file has no rows.

    Each has a step, seconds and a split, which is empty where there is none.
    """
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json_object(line)
            row.setdefault("split", "")
            whole(row.get("step"), "step", most=2**53)
            if not _is_number(row.get("seconds")):
                raise ValueError("seconds are not a number")
            text(row["split"], "split")
        except ValueError:
            break
        rows.append(row)
    return rows


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def logged_name(term: str) -> str:
    """Return the logged name of a term; negative log-likelihoods are logged in bits."""
    return f"{term}_bits" if term.endswith("nll") else term


def in_bits(terms: Mapping[str, float]) -> dict[str, float]:
    """Return terms by their logged names, with negative log-likelihoods converted from nats to bits."""
    bit = math.log(2)
    return {logged_name(name): value / bit if name.endswith("nll") else value for name, value in terms.items()}


def noted(criterion: str, figures: Mapping[str, float], rate: float) -> str:
    """Format the criterion, the codes in use and the samples per second for the progress line."""
    name = logged_name(criterion)
    unit = " bit" if name != criterion else ""
    parts = [f"{criterion} {figures[name]:.3f}{unit}"] if name in figures else []
    parts += [f"codes {figures['codes_used']:.0f}"] if "codes_used" in figures else []
    return "  ".join([*parts, f"{rate / 1e3:.0f}k samples/s"])


class Stopwatch:
    """Measures seconds, excluding pauses."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start from zero."""
        self._mark, self._apart = time.monotonic(), 0.0

    @property
    def seconds(self) -> float:
        """Elapsed seconds, excluding pauses."""
        return time.monotonic() - self._mark - self._apart

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Exclude the block from the time."""
        before = time.monotonic()
        try:
            yield
        finally:
            self._apart += time.monotonic() - before
