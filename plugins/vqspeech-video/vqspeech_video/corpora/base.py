"""Clips with actions as a corpus of images.

The class of a frame is the action between it and the next one; the last frame of a clip has none, which also marks
where the clip ends. So every model of images is trained on clips as they are, and the codes of a run keep the actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from vqspeech_image.corpora.base import UNLABELLED, Block, ImageCorpus, counted
from vqspeech_image.corpora.clips import splits_of_frames

from vqspeech.errors import CorpusError


class Clip(NamedTuple):
    """A clip.

    Parameters
    ----------
    frames : (frames, height, width, channels) uint8
    actions : (frames - 1,) places in the names of the actions, or longer: only those between frames count
    """

    frames: npt.NDArray[np.uint8]
    actions: npt.NDArray[np.integer]


def clip_corpus(
    *,
    name: str,
    root: Path,
    variant: str,
    shape: tuple[int, int, int],
    action_names: Sequence[str],
    keys: Sequence[str],
    lengths: Sequence[int],
    clips: Callable[[], Iterator[Clip]],
    valid: float,
    test: float,
    skipped: Mapping[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> ImageCorpus:
    """Make a corpus of clips; whole clips are held out.

    Parameters
    ----------
    name, root, variant, shape, skipped, notes : see `ImageCorpus`
    action_names : names of the actions
    keys : one per clip, whose hash decides its split
    lengths : frames of each clip, at least 2
    clips : reads or makes the clips, always in the same order
    valid, test : held-out shares of the clips

    Raises
    ------
    ConfigError : shares that leave nothing to train on
    CorpusError : fewer than two clips, or a clip of one frame
    """
    if len(keys) < 2 or min(lengths) < 2:
        raise CorpusError(f"{variant}: at least 2 clips of at least 2 frames are needed")
    splits = splits_of_frames(keys, lengths, valid, test)

    def blocks() -> Iterator[Block]:
        for clip, own in zip(clips(), splits, strict=True):
            labels = np.append(np.asarray(clip.actions[: len(own) - 1], np.int64), UNLABELLED)
            yield Block(pixels=clip.frames, labels=labels, splits=own)

    return ImageCorpus(
        name=name,
        root=root,
        variant=variant,
        shape=shape,
        class_names=tuple(action_names),
        counts=counted(np.concatenate(splits)),
        blocks=blocks,
        skipped=skipped or {},
        notes=notes,
    )
