"""Results of stages on disk, each with a hash of the inputs that it was made from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqspeech.files import write_json

FORMAT = 2
"""Part of every stamp; results that an older engine wrote are made again."""


@dataclass(frozen=True)
class Stamped:
    """A result with the stamp of its inputs."""

    stamp: str
    result: dict[str, Any]


def stamp_of(inputs: Any) -> str:
    """Return the hash of JSON values."""
    return hashlib.sha256(json.dumps([FORMAT, inputs], sort_keys=True).encode()).hexdigest()


def read_stamped(path: Path) -> Stamped | None:
    """Read a stamped result; None when the file is missing or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Stamped(values["stamp"], values["result"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write_stamped(path: Path, stamp: str, result: dict[str, Any]) -> dict[str, Any]:
    """Write a result atomically; return it as read from the file, with lists for tuples."""
    write_json(path, {"stamp": stamp, "result": result})
    return dict(json.loads(path.read_text(encoding="utf-8"))["result"])
