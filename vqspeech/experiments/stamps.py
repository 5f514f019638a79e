"""Results of stages on disk, each with a hash of the inputs that it was made from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqspeech.files import write_json
from vqspeech.untrusted import json_object, table, text

FORMAT = 2
"""Part of every stamp; results that an older engine wrote are made again."""


@dataclass(frozen=True)
class Stamped:
    """A result with the stamp of its inputs, and the files that were made with it.

    Parameters
    ----------
    files : path below the directory of the experiment -> size in bytes; empty for a result of an earlier release
    """

    stamp: str
    result: dict[str, Any]
    files: Mapping[str, int] = field(default_factory=dict)

    def is_whole(self, out: Path) -> bool:
        """Return whether every file is still in the directory of the experiment, and as long as it was."""
        return all(_size(out / name) == size for name, size in self.files.items())


def inventory(out: Path, made: Iterable[Path]) -> dict[str, int]:
    """Return the files among `made` and in folders of it, without hidden ones: path below `out` -> size in bytes."""
    files = [path for item in made for path in ([item] if item.is_file() else sorted(item.rglob("*")))]
    return {
        os.path.relpath(path, out): path.stat().st_size
        for path in files
        if path.is_file() and not path.name.startswith(".")
    }


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def stamp_of(inputs: Any) -> str:
    """Return the hash of JSON values."""
    return hashlib.sha256(json.dumps([FORMAT, inputs], sort_keys=True).encode()).hexdigest()


def read_stamped(path: Path) -> Stamped | None:
    """Read a stamped result; None when the file is missing or damaged."""
    try:
        values = json_object(path.read_bytes())
        result, files = table(values.get("result"), "result"), table(values.get("files", {}), "files")
        return Stamped(text(values.get("stamp"), "stamp"), result, files)
    except (OSError, ValueError):
        return None


def write_stamped(path: Path, stamp: str, result: dict[str, Any], files: Mapping[str, int]) -> dict[str, Any]:
    """Write a result atomically and to the disk; return it as read from the file, with lists for tuples."""
    write_json(path, {"stamp": stamp, "result": result, "files": files}, sync=True)
    return dict(json.loads(path.read_text(encoding="utf-8"))["result"])
