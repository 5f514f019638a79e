"""MNIST and similar data sets: idx files, plain or gzipped, and npz archives."""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.format import read_array

from vqspeech.corpora.selection import existing_root
from vqspeech.errors import CorpusError
from vqspeech_image.corpora.base import Block, ImageCorpus, counted, held_out, split_index

IMAGES, LABELS = 0x0803, 0x0801
"""First four bytes of an idx file of images (three dimensions of bytes) and of labels (one)."""

IDX_NAMES = {
    "train": (
        ("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
        ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
    ),
    "test": (
        ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
        ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
    ),
}
NPZ_NAMES = {
    "train": ("kmnist-train-imgs.npz", "kmnist-train-labels.npz"),
    "test": ("kmnist-test-imgs.npz", "kmnist-test-labels.npz"),
}
KMNIST_CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

Half = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


def read_mnist(root: Path | str | None, *, valid: float = 0.05) -> ImageCorpus:
    """Read MNIST from idx files or Keras's ``mnist.npz``; see `read_idx`."""
    return read_idx(root, "mnist", tuple("0123456789"), valid)


def read_kmnist(root: Path | str | None, *, valid: float = 0.05) -> ImageCorpus:
    """Read Kuzushiji-MNIST from idx files or ``kmnist-*.npz``; see `read_idx`."""
    return read_idx(root, "kmnist", KMNIST_CLASSES, valid)


def read_idx(root: Path | str | None, name: str, class_names: tuple[str, ...], valid: float) -> ImageCorpus:
    """Read a corpus of MNIST's form.

    Parameters
    ----------
    root : the folder; files may be in ``raw/`` below it, where torchvision puts them
    name : registered name
    class_names : names of the labels 0, 1, ...
    valid : share of the training images held out for validation, by a hash of the place

    Raises
    ------
    CorpusError : missing, truncated or other files
    """
    folder = existing_root(root, name)
    halves: dict[str, Half] = {}
    for place in (folder, *sorted(path for path in folder.rglob("raw") if path.is_dir())):
        halves = _halves(place, name)
        if halves:
            break
    if "train" not in halves:
        raise CorpusError(
            f"{folder}: no {name} here; looked for {IDX_NAMES['train'][0][0]}[.gz] and its labels, "
            f"{NPZ_NAMES['train'][0]} and {name}.npz"
        )
    shapes = {pixels.shape[1:] for pixels, _ in halves.values()}
    if len(shapes) > 1:
        raise CorpusError(f"{folder}: training and test images differ in size: {sorted(shapes)}")
    blocks = []
    for half, (pixels, labels) in halves.items():
        if not (labels.min(initial=0) >= 0 and labels.max(initial=0) < len(class_names)):
            found = f"labels from {labels.min()} to {labels.max()}"
            raise CorpusError(f"{folder}: {found}; {name} has {len(class_names)} classes")
        if half == "test":
            splits = np.full(len(pixels), split_index("test"), np.uint8)
        else:
            splits = held_out([f"train/{number}" for number in range(len(pixels))], valid)
        blocks.append(Block(pixels=pixels[..., None], labels=labels, splits=splits))

    def again() -> Iterator[Block]:
        yield from blocks

    height, width = shapes.pop()
    splits = np.concatenate([block.splits for block in blocks])
    return ImageCorpus(
        name=name,
        root=folder,
        variant=f"{name}, {len(splits):,} images",
        shape=(int(height), int(width), 1),
        class_names=class_names,
        counts=counted(splits),
        blocks=again,
        notes=() if "test" in halves else ("The test images are missing.",),
    )


def _halves(folder: Path, name: str) -> dict[str, Half]:
    archive = folder / f"{name}.npz"
    if archive.is_file():
        return {
            half: _checked(archive, _member(archive, f"x_{half}"), _member(archive, f"y_{half}"))
            for half in ("train", "test")
        }
    halves: dict[str, Half] = {}
    for half, (images, labels) in NPZ_NAMES.items():
        if (folder / images).is_file():
            paths = folder / images, _present(folder, (labels,), folder / images)
            halves[half] = _checked(paths[0], _member(paths[0]), _member(paths[1]))
    for half, (image_names, label_names) in IDX_NAMES.items():
        images_path = _idx_path(folder, image_names)
        if images_path is not None and half not in halves:
            beside = _present(folder, label_names, images_path)
            halves[half] = _checked(images_path, read_idx_file(images_path, IMAGES), read_idx_file(beside, LABELS))
    return halves


def _idx_path(folder: Path, names: tuple[str, ...]) -> Path | None:
    candidates = (folder / (name + ending) for name in names for ending in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _present(folder: Path, names: tuple[str, ...], images: Path) -> Path:
    path = _idx_path(folder, names)
    if path is None:
        raise CorpusError(f"{images} has no labels beside it; looked for {names[0]}")
    return path


def read_idx_file(path: Path, magic: int) -> npt.NDArray[np.uint8]:
    """Read the array of an idx file of bytes, gzipped where its name ends in ``.gz``.

    Parameters
    ----------
    path : the file
    magic : its first bytes, `IMAGES` or `LABELS`

    Raises
    ------
    CorpusError : a file of another kind, or of another size than its header says
    """
    rank = magic & 0xFF
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4 + 4 * rank)
            if len(head) < 4 + 4 * rank or int.from_bytes(head[:4], "big") != magic:
                raise CorpusError(f"{path} is no idx file of {'images' if magic == IMAGES else 'labels'}")
            shape = tuple(int.from_bytes(head[at : at + 4], "big") for at in range(4, len(head), 4))
            content = file.read(math.prod(shape) + 1)
    except (OSError, EOFError, zlib.error, OverflowError, MemoryError) as error:
        raise CorpusError(f"{path} cannot be read, it may be truncated: {error}. Download it again") from error
    if len(content) != math.prod(shape):
        raise CorpusError(
            f"{path} should hold {math.prod(shape):,} bytes as its header says, and holds "
            f"{'more' if len(content) > math.prod(shape) else f'{len(content):,}: it is truncated. Download it again'}"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _member(path: Path, key: str = "arr_0") -> np.ndarray:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
            return read_array(file, allow_pickle=False)
    except KeyError as error:
        raise CorpusError(f"{path} has no array {key!r}") from error
    except Exception as error:
        # NumPy parses the header as Python, and a crafted one, or a crafted archive, may raise anything.
        reason = str(error) or type(error).__name__
        raise CorpusError(f"{path} cannot be read as an npz archive: {reason}") from error


def _checked(path: Path, images: np.ndarray, labels: np.ndarray) -> Half:
    if images.dtype != np.uint8 or images.ndim != 3:
        raise CorpusError(
            f"{path} holds images {images.shape} of {images.dtype}; expected (images, height, width) of bytes"
        )
    if labels.ndim != 1 or len(labels) != len(images) or labels.dtype.kind not in "iu":
        raise CorpusError(
            f"{path} has {len(images)} images and labels {labels.shape} of {labels.dtype}; "
            "expected one number per image"
        )
    if not len(images):
        raise CorpusError(f"{path} holds no images")
    return images, labels.astype(np.int64)
