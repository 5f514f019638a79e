"""Which files of a run directory vqspeech made: it deletes no others."""

from __future__ import annotations

import re
import shutil
import warnings
from pathlib import Path

from vqspeech.files import files_below, free_path
from vqspeech.temporary import clear_left

_MADE = re.compile(
    r"(?:.+/)?(?:"
    # Runs, checkpoints and published models.
    r"(?:config|results|experiment|checksums|best|voices|threads)\.json|metrics\.jsonl|\.lock|codes\.parquet"
    r"|model\.safetensors|train_state\.pt|published/README\.md|events\.out\.tfevents\.[^/]+|stages/.+\.json"
    # Prepared data, of plugins as well.
    r"|store/(?:.+/)?(?:[^/]+\.(?:json|jsonl|arrow|bin|i16|npy|npz|parquet|pt|safetensors)|lock)"
    # Reports, and what is heard and seen there.
    r"|index\.html|(?:audio|figures)/[a-z0-9-]+\.[a-z0-9.]+|judge-list\.csv"
    r"|(?:listening|judged|pictures|analyses)/.+\.(?:png|gif|svg|webp|mp4|json|jsonl|csv|item)"
    r")"
)
KEPT = "kept"
"""Folder of a run directory for a user's files that were in a folder that was removed."""

_CHECKPOINT = re.compile(r"step-\d{8,}")
_HALF_CHECKPOINT = re.compile(r"\.step-\d{8,}\.(?:old|part|[0-9a-f]{8}\.part)")


def is_checkpoint_name(name: str) -> bool:
    """Return whether a directory of this name is a checkpoint of a run."""
    return _CHECKPOINT.fullmatch(name) is not None


def is_half_checkpoint(name: str) -> bool:
    """Return whether a killed process left a directory of this name, half-written or half-deleted."""
    return _HALF_CHECKPOINT.fullmatch(name) is not None


def remove_made(path: Path, name: str | None = None) -> None:
    """Remove a file, or a folder, of a run directory; a folder's files that vqspeech did not make are moved.

    They go to the same place in the folder ``kept`` beside it.

    Parameters
    ----------
    path : one of `vqspeech.runs.RunDirectory.contents`, or a folder of runs; may be missing
    name : what the folder is, when its name is another
    """
    what = name or path.name
    # What is finished of a store is in its temporary folder, for the next call to continue.
    if what != "store":
        clear_left(path)
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    others = [file for file in files_below(path) if not is_made(path / file, f"{what}/{file}")]
    kept = path.parents[what.count("/")] / KEPT / what
    for file in others:
        target = free_path(kept / file)
        target.parent.mkdir(parents=True, exist_ok=True)
        (path / file).rename(target)
    if others:
        which = f"{len(others)} files that vqspeech did not make, such as {others[0]!r}"
        warnings.warn(f"{path} held {which}; they were moved to {kept}", stacklevel=2)
    shutil.rmtree(path)


def is_made(path: Path, name: str) -> bool:
    """Return whether vqspeech made a file of a run directory.

    Parameters
    ----------
    path : the file
    name : its path from the folder of the run, such as ``"report/index.html"``
    """
    checkpoint = re.search(r"(?:^|/)checkpoints/([^/]+)/", name)
    if checkpoint and not (is_checkpoint_name(checkpoint[1]) or is_half_checkpoint(checkpoint[1])):
        # A user's copy of a checkpoint.
        return False
    if _MADE.fullmatch(name) is not None:
        return True
    # Runs are described without NumPy, which audio needs.
    from vqspeech import audio

    return name.endswith((".wav", ".flac")) and audio.is_ours(path)
