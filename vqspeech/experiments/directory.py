"""The directory of a recipe that is not itself a run: of a comparison, for example."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from vqspeech.errors import InputError
from vqspeech.files import write_json
from vqspeech.runs import RunDirectory
from vqspeech.runs.made import remove_made

MARKER = "experiment.json"
"""File that names the recipe; other directories with files are rejected."""


def open_directory(out: Path, recipe: str, *, contents: Iterable[str] = (), fresh: bool = False) -> None:
    """Create the directory of a recipe, or continue in it.

    A recipe that trains one run into `out` itself calls `vqspeech.runs.open_run` instead.

    Parameters
    ----------
    recipe : name of the recipe
    contents : names of what it makes besides the contents of a run directory
    fresh : delete all of that first; a user's files in it are moved, see `vqspeech.runs.made.remove_made`

    Raises
    ------
    InputError : when `out` is a file, or holds something other than a run of this recipe
    """
    marker = out / MARKER
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; --out needs a directory")
    if marker.exists() and (found := _recipe_of(marker)) != recipe:
        raise InputError(f"{out} holds a run of the recipe {found!r}, not of {recipe!r}; give another directory")
    if not marker.exists() and not RunDirectory(out).is_empty():
        raise InputError(f"{out} holds files but no run of the recipe {recipe!r}; give an empty or a new directory")
    if fresh:
        RunDirectory(out).clear()
        for path in (out / name for name in contents):
            remove_made(path)
    write_json(marker, {"recipe": recipe})


def _recipe_of(marker: Path) -> str | None:
    try:
        return str(json.loads(marker.read_text(encoding="utf-8"))["recipe"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
