"""Your own clips: arrays of frames, one file each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from vqspeech.corpora.selection import count_and_name, existing_root
from vqspeech.errors import CorpusError
from vqspeech_image.corpora.base import ImageCorpus, counted
from vqspeech_image.corpora.clips import blocks_of_clips, splits_of_frames

SUFFIX = ".npy"


def read(root: Path | str | None, *, valid: float = 0.05, test: float = 0.1) -> ImageCorpus:
    """Read clips: ``.npy`` files of (frames, height, width[, 1 or 3]) uint8, of one size.

    Headers are read first, frames later. Whole clips are held out.

    Parameters
    ----------
    root : the folder
    valid, test : held-out shares of the clips, by a hash of the path below the folder

    Raises
    ------
    CorpusError : fewer than two usable clips, or frames of differing sizes
    ConfigError : shares that leave nothing to train on
    """
    folder = existing_root(root, "frames")
    clip_shapes: dict[Path, tuple[int, int, int, int]] = {}
    skipped: dict[str, str] = {}
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        try:
            clip_shapes[path] = _open(path).shape
        except (OSError, ValueError) as error:
            skipped[str(path)] = str(error)
    if len(clip_shapes) < 2:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in list(skipped.items())[:3])
        raise CorpusError(
            f"{folder}: {len(clip_shapes)} usable clip{'s' if len(clip_shapes) != 1 else ''}, at least 2 are needed: "
            f"{SUFFIX} files of (frames, height, width, 1 or 3) uint8. First problems: {reasons or 'none'}"
        )
    shapes: dict[tuple[int, int, int], Path] = {}
    for path, (_, *shape) in clip_shapes.items():
        shapes.setdefault((shape[0], shape[1], shape[2]), path)
    if len(shapes) > 1:
        two = ", ".join(f"{path} {shape}" for shape, path in list(shapes.items())[:2])
        raise CorpusError(f"{folder}: frames of {len(shapes)} sizes, but one is needed: {two}")
    keys = [path.relative_to(folder).as_posix() for path in clip_shapes]
    lengths = [frames for frames, *_ in clip_shapes.values()]
    splits = splits_of_frames(keys, lengths, valid, test)

    def clips() -> Iterator[npt.NDArray[np.uint8]]:
        for path in clip_shapes:
            yield np.asarray(_open(path))

    height, width, channels = next(iter(shapes))
    return ImageCorpus(
        name="frames",
        root=folder,
        variant=f"{sum(lengths):,} frames of {len(clip_shapes):,} clips of {folder.name}, {width} x {height}",
        shape=(height, width, channels),
        class_names=(),
        counts=counted(np.concatenate(splits)),
        blocks=blocks_of_clips(clips, splits),
        skipped=skipped,
        notes=(f"{count_and_name([Path(path).name for path in skipped])} skipped.",) if skipped else (),
    )


def _open(path: Path) -> npt.NDArray[np.uint8]:
    """Map a clip into memory; raises OSError or ValueError for other files."""
    try:
        frames: npt.NDArray[Any] = open_memmap(path, mode="r")
    except (OSError, ValueError):
        raise
    except Exception as error:
        # NumPy parses the header as Python, and a crafted one may raise anything.
        raise ValueError(f"its header cannot be read: {str(error) or type(error).__name__}") from error
    frames = frames[..., None] if frames.ndim == 3 else frames
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] not in (1, 3) or 0 in frames.shape:
        raise ValueError(f"{frames.dtype} of shape {frames.shape} is no clip: (frames, height, width, 1 or 3) uint8")
    return frames
