"""Your own images: a folder per class (ImageNet's layout), or one folder without classes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from vqspeech.corpora.selection import count_and_name, existing_root
from vqspeech.errors import ConfigError, CorpusError, InputError
from vqspeech_image.corpora.base import UNLABELLED, Block, ImageCorpus, counted, held_out
from vqspeech_image.corpora.pixels import MODES, UnusableImage, load_pixels, probe

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
BLOCK_IMAGES = 256

Channels = Literal[1, 3]


def read(
    root: Path | str | None,
    *,
    size: int | None = None,
    channels: Channels = 3,
    valid: float = 0.05,
    test: float = 0.05,
) -> ImageCorpus:
    """Read the images below a folder; the top folder of an image is its class.

    Headers are read first, pixels later; unusable files are skipped and listed. Grey images get three channels, 16-bit
    ones are scaled to 8 bits, transparency becomes white, CMYK is converted; see `load_pixels`.

    Parameters
    ----------
    root : the folder
    size : side in pixels of the largest centred square of each image, scaled; None for images that all have one size
    channels : 3 for colour, 1 for grey
    valid, test : held-out shares, by a hash of the path below the folder

    Raises
    ------
    CorpusError : fewer than two usable images, or differing sizes without `size`
    ConfigError : an impossible size or number of channels
    """
    if size is not None and not 1 <= size <= 4096:
        raise ConfigError(f"corpus.options.size = {size}; a side between 1 and 4096 pixels")
    if channels not in (1, 3):
        raise ConfigError(f"corpus.options.channels = {channels}; 1 (grey) or 3 (colour)")
    folder = existing_root(root, "image-folder")
    paths, skipped, sizes = _probed(folder)
    if len(paths) < 2:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in list(skipped.items())[:3])
        raise CorpusError(
            f"{folder}: {len(paths)} usable image{'s' if len(paths) != 1 else ''}, at least 2 are needed, of the types "
            f"{', '.join(SUFFIXES)}. First problems: {reasons or 'none'}"
        )
    if size is None and len(set(sizes)) > 1:
        some = sorted(set(sizes))
        raise CorpusError(
            f"{folder}: images of {len(some)} sizes, {some[0][0]} x {some[0][1]} to {some[-1][0]} x {some[-1][1]}; "
            "set corpus.options.size = SIDE to make all the same square"
        )
    names = [path.relative_to(folder).as_posix() for path in paths]
    classes = tuple(sorted({name.partition("/")[0] for name in names if "/" in name}))
    labels = np.array(
        [classes.index(name.partition("/")[0]) if "/" in name else UNLABELLED for name in names], dtype=np.int64
    )
    splits = held_out(names, valid, test)

    def blocks() -> Iterator[Block]:
        for begin in range(0, len(paths), BLOCK_IMAGES):
            yield _decoded(paths[begin : begin + BLOCK_IMAGES], labels[begin:], splits[begin:], size, channels)

    width, height = (size, size) if size is not None else sizes[0]
    notes = (f"{count_and_name([Path(path).name for path in skipped])} skipped.",) if skipped else ()
    return ImageCorpus(
        name="image-folder",
        root=folder,
        variant=f"{len(paths):,} images of {folder.name}, {width} x {height}",
        shape=(height, width, channels),
        class_names=classes,
        counts=counted(splits),
        blocks=blocks,
        skipped=skipped,
        notes=notes,
    )


def image_files(inputs: Sequence[Path]) -> list[Path]:
    """List image files: those given, and those in folders except hidden ones, sorted by path.

    Raises
    ------
    InputError : a missing path, or no images
    """
    files: list[Path] = []
    for path in inputs:
        if path.is_dir():
            below = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
            files += [one for one in below if not any(part.startswith(".") for part in one.relative_to(path).parts)]
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"{path} is no image file or folder")
    if not files:
        raise InputError(f"no images in {', '.join(map(str, inputs))}; looked for {', '.join(SUFFIXES)}")
    return files


def _probed(folder: Path) -> tuple[list[Path], dict[str, str], list[tuple[int, int]]]:
    """List images, unusable files with reasons, and sizes (width, height), by path."""
    images: list[tuple[str, Path, tuple[int, int]]] = []
    skipped: dict[str, str] = {}
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        # Links may lead in circles.
        if os.path.realpath(place) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(place))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            path = Path(place) / name
            if path.suffix.lower() not in SUFFIXES:
                skipped[str(path)] = f"{path.suffix or 'a file without a suffix'} is not read as an image"
                continue
            try:
                images.append((path.relative_to(folder).as_posix(), path, probe(path)))
            except UnusableImage as error:
                skipped[str(path)] = str(error)
    images.sort()
    return [path for _, path, _ in images], skipped, [size for _, _, size in images]


def _decoded(paths: list[Path], labels: np.ndarray, splits: np.ndarray, size: int | None, channels: Channels) -> Block:
    pixels, kept, skipped = [], [], {}
    for number, path in enumerate(paths):
        try:
            pixels.append(load_pixels(path, size=size, mode=MODES[channels]))
            kept.append(number)
        except UnusableImage as error:
            skipped[str(path)] = str(error)
    shape = pixels[0].shape if pixels else (0, 0, channels)
    return Block(
        pixels=np.stack(pixels) if pixels else np.zeros((0, *shape), np.uint8),
        labels=labels[kept],
        splits=splits[kept],
        skipped=skipped,
    )
