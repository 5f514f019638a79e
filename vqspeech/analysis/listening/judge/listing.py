"""A list of the judged clips that other judges can read: columns path, kind, text, target."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from vqspeech.analysis.listening.judge.clips import CONVERSION, OTHER_CODES, UNCHANGED, Clip
from vqspeech.files import whole_file

FILE = "judge-list.csv"


def kind_name(clip: Clip) -> str:
    """Return the kind of a clip, with its run and, where rows are by voice, its voice."""
    voice = f" to {clip.voice}" if clip.voice and clip.kind in (CONVERSION, OTHER_CODES, UNCHANGED) else ""
    return f"{clip.run}: {clip.kind}{voice}" if clip.run else f"{clip.kind}{voice}"


def write_list(folder: Path, clips: Sequence[Clip], targets: Mapping[str, Sequence[Path]]) -> Path:
    """Write ``judge-list.csv`` in a folder; returns its path.

    Parameters
    ----------
    folder : paths in the list are relative to it
    clips : the clips
    targets : voice -> recordings of it
    """

    def name(path: Path) -> str:
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path.absolute())

    path = folder / FILE
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "kind", "text", "target"])
        for clip in clips:
            recordings = ";".join(name(one) for one in targets.get(clip.voice or "", ()))
            writer.writerow([name(clip.path), kind_name(clip), clip.text or "", recordings])
    return path
