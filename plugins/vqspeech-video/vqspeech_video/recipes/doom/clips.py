"""The clips of a run: pixels, codes and actions in their order, and what is generated from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from vqspeech_image.models import LoadedImages
from vqspeech_image.store import ImageStore

from vqspeech.corpora.base import SPLITS
from vqspeech.corpora.code_store import CodeStore
from vqspeech.errors import InputError
from vqspeech_video.modality import places_in_clips

Frames = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int64]
AT_ONCE = 256
"""Frames that are decoded together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Clips:
    """Clips of one length.

    Parameters
    ----------
    pixels : (clips, frames, height, width, channels) uint8
    codes : (clips, frames, codebooks, rows, columns)
    actions : (clips, frames - 1)
    action_names : names of the actions
    """

    pixels: Frames
    codes: Codes
    actions: Codes
    action_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)


def clip_starts(store: CodeStore | ImageStore, labels: npt.NDArray[np.int64], split: str, length: int) -> list[int]:
    """Return the first row of every clip of a split that has at least `length` frames.

    Parameters
    ----------
    store : rows of clips in their order
    labels : (rows,) actions, -1 at the end of each clip
    split, length : which clips
    """
    ends = np.flatnonzero(labels == -1) + 1
    starts = np.concatenate([[0], ends[:-1]])
    here = np.asarray(store.splits)[starts] == SPLITS.index(split)
    return [int(start) for start, end, own in zip(starts, ends, here, strict=True) if own and end - start >= length]


def held_out_clips(images: ImageStore, codes: CodeStore, length: int, most: int, split: str = "test") -> Clips:
    """Cut the first `length` frames of clips of a split.

    Raises
    ------
    InputError : when fewer than two clips are long enough
    """
    places_in_clips(codes)
    starts = clip_starts(images, images.labels, split, length)[:most]
    require_clips(len(starts), split, length)
    rows = np.array(starts)[:, None] + np.arange(length)
    level = codes.at("")
    return Clips(
        pixels=np.asarray(images.pixels)[rows],
        codes=np.asarray(level.codes)[rows].astype(np.int64),
        actions=np.asarray(images.labels)[rows[:, :-1]],
        action_names=images.class_names,
    )


def require_clips(count: int, split: str, length: int) -> None:
    """Check that there are clips to measure.

    Raises
    ------
    InputError : when fewer than two clips of a split are long enough
    """
    if count < 2:
        raise InputError(
            f"{count} clips of the split {split} have {length} frames or more, at least 2 are needed; give more or "
            "longer clips, or lower evaluate.context or evaluate.frames"
        )


def training_pairs(images: ImageStore, most: int, seed: int) -> tuple[Frames, Frames, Codes]:
    """Draw at most `most` training frames, those after them, and the actions (pairs,) between."""
    labels = np.asarray(images.labels)
    rows = np.flatnonzero((np.asarray(images.splits) == SPLITS.index("train")) & (labels >= 0))
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[:most])
    return np.asarray(images.pixels[rows]), np.asarray(images.pixels[rows + 1]), labels[rows]


@torch.inference_mode()
def decoded(images: LoadedImages, codes: Codes) -> Frames:
    """Decode codes (..., codebooks, rows, columns) to frames (..., height, width, channels)."""
    flat = torch.from_numpy(codes.reshape(-1, *codes.shape[-3:]))
    blocks = (flat[start : start + AT_ONCE] for start in range(0, len(flat), AT_ONCE))
    pixels = np.concatenate(list(_decoded(images, blocks)))
    return pixels.reshape(*codes.shape[:-3], *pixels.shape[1:])


def _decoded(images: LoadedImages, blocks: Iterator[torch.Tensor]) -> Iterator[Frames]:
    for block in blocks:
        yield images.model.decode(block.to(images.device)).cpu().numpy()
