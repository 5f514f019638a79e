"""CIFAR-10 (Krizhevsky 2009) in its original batches, or a subset in that layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.corpora.selection import existing_root
from vqspeech.errors import CorpusError
from vqspeech_image.corpora.base import Block, ImageCorpus, counted, held_out, split_index
from vqspeech_image.corpora.pickles import read_arrays

FOLDER = "cifar-10-batches-py"
TRAIN_FILES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_FILE = "test_batch"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (32, 32, 3)


def read(root: Path | str | None, *, valid: float = 0.05) -> ImageCorpus:
    """Read the images of a folder that is or holds ``cifar-10-batches-py``.

    ``data_batch_*`` are for training, except a share for validation by a hash of file name and place; ``test_batch`` is
    the test set.

    Parameters
    ----------
    root : the folder
    valid : share of the training images held out for validation

    Raises
    ------
    CorpusError : no batches, or one that is damaged, truncated, or a program in disguise
    """
    folder = existing_root(root, "cifar10")
    if not (folder / TEST_FILE).exists() and (folder / FOLDER).is_dir():
        folder = folder / FOLDER
    files = [folder / name for name in (*TRAIN_FILES, TEST_FILE) if (folder / name).is_file()]
    if not any(path.name in TRAIN_FILES for path in files):
        raise CorpusError(
            f"{folder}: no CIFAR-10 here; looked for {TRAIN_FILES[0]} to {TRAIN_FILES[-1]} and {TEST_FILE}, "
            f"also in {FOLDER}/. The python version of the data set is needed, unpacked"
        )
    blocks = [_block(path, valid) for path in files]
    splits = np.concatenate([block.splits for block in blocks])
    missing = [name for name in (*TRAIN_FILES, TEST_FILE) if not (folder / name).is_file()]
    counts = counted(splits)
    whole = counts["train"] + counts["valid"] == 50_000 and counts["test"] == 10_000
    notes = []
    if missing:
        notes.append(f"{len(missing)} of 6 batches are not there: {', '.join(missing)}.")
    if not whole:
        notes.append("This is a part of CIFAR-10, so its bits per dimension are not those of the literature.")

    def again() -> Iterator[Block]:
        yield from blocks

    return ImageCorpus(
        name="cifar10",
        root=folder,
        variant="CIFAR-10" if whole else f"CIFAR-10, {len(splits):,} of 60,000 images",
        shape=SHAPE,
        class_names=_class_names(folder / "batches.meta"),
        counts=counts,
        blocks=again,
        notes=tuple(notes),
    )


def _block(path: Path, valid: float) -> Block:
    values = read_arrays(path)
    pixels, labels = _checked(path, values)
    if path.name == TEST_FILE:
        splits = np.full(len(pixels), split_index("test"), np.uint8)
    else:
        splits = held_out([f"{path.name}/{number}" for number in range(len(pixels))], valid)
    planes = pixels.reshape(len(pixels), SHAPE[2], SHAPE[0], SHAPE[1])
    return Block(pixels=planes.transpose(0, 2, 3, 1).copy(), labels=labels, splits=splits)


def _checked(path: Path, values: dict[str, Any]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    pixels, labels = values.get("data"), values.get("labels")
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != np.prod(SHAPE):
        given = pixels.shape if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise CorpusError(f"{path}: 'data' is {given}; a batch of CIFAR-10 has (images, 3072) bytes")
    if not isinstance(labels, list) or len(labels) != len(pixels):
        raise CorpusError(f"{path}: 'labels' does not have one entry for each of {len(pixels)} images")
    if not all(type(label) is int and 0 <= label < len(CLASSES) for label in labels):
        raise CorpusError(f"{path}: labels outside 0 to 9; a batch of CIFAR-10 is meant, not of CIFAR-100")
    return pixels, np.array(labels, dtype=np.int64)


def _class_names(path: Path) -> tuple[str, ...]:
    """Read the class names from ``batches.meta``; the usual ones where that file is missing."""
    if not path.is_file():
        return CLASSES
    names = read_arrays(path).get("label_names")
    given = names if isinstance(names, list) else []
    shown = [name.decode("latin1") if isinstance(name, bytes) else name for name in given]
    if len(shown) != len(CLASSES) or not all(isinstance(name, str) for name in shown):
        raise CorpusError(f"{path}: 'label_names' is not a list of {len(CLASSES)} names")
    return tuple(shown)
