"""Shared by corpora of clips: frames in the order of their clips, whole clips held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from vqspeech_image.corpora.base import UNLABELLED, Block, held_out

Splits = npt.NDArray[np.uint8]


def splits_of_frames(keys: Sequence[str], lengths: Sequence[int], valid: float, test: float) -> list[Splits]:
    """Assign every frame to its clip's split, because neighbouring frames are nearly equal.

    Parameters
    ----------
    keys : one per clip, whose hash decides
    lengths : frames of each clip
    valid, test : held-out shares of the clips

    Raises
    ------
    ConfigError : shares that leave nothing to train on
    """
    splits = held_out(keys, valid, test)
    return [np.full(length, split, np.uint8) for length, split in zip(lengths, splits, strict=True)]


def blocks_of_clips(
    clips: Callable[[], Iterator[npt.NDArray[np.uint8]]], splits: Sequence[Splits]
) -> Callable[[], Iterator[Block]]:
    """Yield `ImageCorpus.blocks`, one per clip.

    Parameters
    ----------
    clips : iterable of clips (frames, height, width, channels) uint8, in a fixed order
    splits : splits of the frames of each clip
    """

    def blocks() -> Iterator[Block]:
        for pixels, own in zip(clips(), splits, strict=True):
            yield Block(pixels=pixels, labels=np.full(len(pixels), UNLABELLED, np.int64), splits=own)

    return blocks
