"""Stages with stamps: each keeps its result with a hash of what it was made from, and runs again only when that changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vqspeech.files import write_json
from vqspeech.training.metrics import read_metrics

Result = dict[str, Any]


class Stages:
    """The stages of a run directory.

    Parameters
    ----------
    directory : where results are kept, one JSON file per stage
    say : called with a line for the user
    """

    def __init__(self, directory: Path, say: Callable[[str], None]) -> None:
        self.directory = directory
        self.say = say

    def run(
        self, name: str, inputs: Any, work: Callable[[], Result], *, wanted: bool = True, made: tuple[Path, ...] = ()
    ) -> Result | None:
        """The result of a stage: the one on disk when its inputs are the same, else of doing the work.

        Parameters
        ----------
        name : of the stage
        inputs : JSON values that the result depends on
        work : what to do
        wanted : False to take what is on disk, whatever it was made from, and do nothing
        made : files that must be there for the result on disk to count

        Returns
        -------
        The result, or None when the stage is not wanted and has never run
        """
        stamp = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
        path = self.directory / f"{name}.json"
        there = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        if not wanted:
            return there["result"] if there else None
        if there is not None and there["stamp"] == stamp and all(item.exists() for item in made):
            self.say(f"[{name}] done before")
            return dict(there["result"])
        self.say(f"[{name}]")
        result = json.loads(json.dumps(work()))
        write_json(path, {"stamp": stamp, "result": result})
        return dict(result)


def last_row(path: Path, split: str) -> Result:
    """The last row of a split in a metrics.jsonl, or an empty one."""
    return next((row for row in reversed(read_metrics(path)) if row["split"] == split), {})
