"""What image corpora give: `ImageCorpus`, read block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech.corpora.base import SPLITS, Split, split_of
from vqspeech.errors import ConfigError

UNLABELLED = -1
"""The label of an image without a class."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Some decoded images.

    Parameters
    ----------
    pixels : (images, height, width, channels) uint8
    labels : (images,) int64 indices of classes, or `UNLABELLED`
    splits : (images,) uint8 indices into `vqspeech.corpora.base.SPLITS`
    skipped : path -> reason for every file that proved unusable while decoding
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    splits: npt.NDArray[np.uint8]
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ImageCorpus:
    """Images of one size and their origin.

    Parameters
    ----------
    name : registered name of the reader
    root : the corpus folder
    variant : a description of what was found
    shape : (height, width, channels) of every image
    class_names : empty where there are no classes
    counts : split -> number of images, as far as known before decoding
    blocks : decodes the images, always in the same order
    skipped : path -> reason for every file that could not be used
    notes : facts about the corpus for its user, one sentence each
    stand_in : whether it replaces a corpus that cannot be used; reports say so
    """

    name: str
    root: Path
    variant: str
    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    counts: Mapping[str, int]
    blocks: Callable[[], Iterator[Block]]
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    stand_in: bool = False


def split_index(split: Split) -> int:
    """Return the number of a split in `Block.splits`."""
    return SPLITS.index(split)


def held_out(keys: Sequence[str], valid: float, test: float = 0.0) -> npt.NDArray[np.uint8]:
    """Split training images by a hash of their keys (see `split_of`), whatever the other images.

    Parameters
    ----------
    keys : one per image
    valid, test : held-out shares

    Raises
    ------
    ConfigError : shares that leave nothing to train on
    """
    if not (0 <= valid < 1 and 0 <= test < 1 and valid + test < 1):
        raise ConfigError(
            f"corpus.options.valid = {valid}, test = {test}; shares between 0 and 1 that leave some to train on"
        )
    return np.array([split_index(split_of(key, valid=valid, test=test)) for key in keys], dtype=np.uint8)


def counted(splits: npt.NDArray[np.uint8]) -> dict[str, int]:
    """Count the images of each split."""
    return {split: int((splits == number).sum()) for number, split in enumerate(SPLITS)}
