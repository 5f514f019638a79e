"""The corpus `lab-clips`: a file PERFORMER_NUMBER.npy for each clip, (frames, joints) float32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqspeech.corpora.base import SPLITS, split_of
from vqspeech.errors import CorpusError


@dataclass(frozen=True, kw_only=True)
class Clips:
    """What was read; vqspeech shows ``name`` to ``notes`` of any corpus."""

    name: str
    root: Path
    variant: str
    counts: dict[str, int]
    skipped: dict[str, str]
    clips: list[np.ndarray]
    performers: list[str]
    splits: list[int]
    notes: tuple[str, ...] = ()


def read(root, *, valid: float = 0.2):
    """Read a folder of clips; `valid` is the part that is held out."""
    clips, performers, splits, skipped = [], [], [], {}
    for path in sorted(Path(root).glob("*_*.npy")):
        try:
            clip = np.load(path).astype(np.float32)
        except (OSError, ValueError) as error:
            skipped[str(path)] = f"it is no array: {error}"
            continue
        if clip.ndim != 2 or not len(clip):
            skipped[str(path)] = f"its shape is {clip.shape}, not (frames, joints)"
            continue
        clips.append(clip)
        performers.append(path.stem.rpartition("_")[0])
        splits.append(SPLITS.index(split_of(path.stem, valid=valid, test=0.0)))
    if not clips:
        raise CorpusError(f"{root}: no clips PERFORMER_NUMBER.npy of shape (frames, joints)")
    return Clips(
        name="lab-clips",
        root=Path(root).absolute(),
        variant=f"{len(clips)} clips of {clips[0].shape[1]} joints",
        counts={"clips": len(clips), "frames": sum(len(clip) for clip in clips)},
        skipped=skipped,
        clips=clips,
        performers=performers,
        splits=splits,
    )
