"""Your own clips: a folder for each, with its frames and ``actions.csv``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from vqspeech_image.corpora.base import ImageCorpus
from vqspeech_image.corpora.pixels import UnusableImage, load_pixels

from vqspeech.corpora.selection import existing_root
from vqspeech.errors import CorpusError
from vqspeech_video.corpora.base import Clip, clip_corpus

ACTIONS = "actions.csv"
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
MOST_ACTIONS = 256
NO_NAME = ",;\t\0"
"""Marks of a file with several columns, or of no text."""


def read(root: Path | str | None, *, valid: float = 0.05, test: float = 0.1) -> ImageCorpus:
    """Read clips: every folder below `root` that holds ``actions.csv``.

    Beside it lies one ``.npy`` file of (frames, height, width, 1 or 3) uint8, or an image for each frame, in the order
    of their names, where 2 comes before 10. ``actions.csv`` has the name of an action in each line, that between a
    frame and the next one, below an optional line ``action``: as many as frames, or one fewer; the one after the last
    frame is ignored. Whole clips are held out.

    Parameters
    ----------
    root : the folder
    valid, test : held-out shares of the clips, by a hash of the path below the folder

    Raises
    ------
    CorpusError : for fewer than two clips, frames of differing sizes, or other numbers of actions than of frames
    ConfigError : shares that leave nothing to train on
    """
    folder = existing_root(root, "clips")
    found = sorted(path.parent for path in folder.rglob(ACTIONS))
    if len(found) < 2:
        raise CorpusError(f"{folder}: {len(found)} folders with {ACTIONS}, at least 2 clips are needed")
    actions = {path: _actions(path / ACTIONS) for path in found}
    names = sorted({name for own in actions.values() for name in own})
    if not 1 <= len(names) <= MOST_ACTIONS:
        raise CorpusError(f"{folder}: {len(names)} different actions; between 1 and {MOST_ACTIONS}")
    shapes = {path: _shape(path, actions[path]) for path in found}
    first = next(iter(shapes))
    for path, (_, *shape) in shapes.items():
        if shape != list(shapes[first][1:]):
            raise CorpusError(
                f"{path} has frames of {tuple(shape)}, {first} of {shapes[first][1:]}; one size is needed"
            )

    def clips() -> Iterator[Clip]:
        for path in found:
            yield Clip(_frames(path), np.array([names.index(name) for name in actions[path]]))

    lengths = [frames for frames, *_ in shapes.values()]
    _, height, width, channels = shapes[first]
    return clip_corpus(
        name="clips",
        root=folder,
        variant=f"{len(found):,} clips of {folder.name}, {sum(lengths):,} frames, {width} x {height}",
        shape=(height, width, channels),
        action_names=names,
        keys=[path.relative_to(folder).as_posix() for path in found],
        lengths=lengths,
        clips=clips,
        valid=valid,
        test=test,
    )


def _actions(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read as text: {error}") from error
    names = [line.strip() for line in lines]
    # Other blank lines would move the actions after them to other frames.
    while names and not names[-1]:
        names.pop()
    for number, name in enumerate(names, 1):
        if not name or any(mark in name for mark in NO_NAME):
            raise CorpusError(f"{path}, line {number}: {name!r} is no action; one name in each line is needed")
    return names[1:] if names[:1] == ["action"] else names


def _shape(path: Path, actions: list[str]) -> tuple[int, int, int, int]:
    """Return (frames, height, width, channels) of a clip, after comparing its frames with its actions."""
    shape = _frames(path, header=True).shape
    if not shape[0] - 1 <= len(actions) <= shape[0] or shape[0] < 2:
        raise CorpusError(
            f"{path / ACTIONS} has {len(actions)} actions for {shape[0]} frames; one for each frame, or one fewer, and "
            "at least 2 frames"
        )
    return shape[0], shape[1], shape[2], shape[3]


def _frames(path: Path, *, header: bool = False) -> npt.NDArray[np.uint8]:
    """Read the frames of a clip (frames, height, width, channels); of arrays, the header only if that is enough."""
    arrays = sorted(path.glob("*.npy"))
    images = sorted((file for file in path.iterdir() if file.suffix.lower() in IMAGES), key=_numbered)
    if len(arrays) + bool(images) != 1:
        raise CorpusError(f"{path}: one .npy file, or images ({', '.join(IMAGES)}), belong beside {ACTIONS}")
    if not arrays:
        return _stacked(path, images)
    try:
        # Mapped, so that headers are read without the frames.
        frames = np.load(arrays[0], mmap_mode="r", allow_pickle=False)
        frames = frames[..., None] if frames.ndim == 3 else frames
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] not in (1, 3) or 0 in frames.shape:
            raise ValueError(f"{frames.dtype} of shape {frames.shape}; (frames, height, width, 1 or 3) uint8 is needed")
    except Exception as error:
        # NumPy parses the header as Python, and a crafted one may raise anything.
        raise CorpusError(f"{arrays[0]} is no clip: {error}") from error
    return frames if header else np.asarray(frames)


def _numbered(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts the numbers in names by their value."""
    parts = re.split(r"([0-9]+)", path.name)
    return [(int(part), part) if number % 2 else (0, part) for number, part in enumerate(parts)]


def _stacked(path: Path, images: list[Path]) -> npt.NDArray[np.uint8]:
    frames: list[npt.NDArray[np.uint8]] = []
    for image in images:
        try:
            frames.append(load_pixels(image, size=None, mode="RGB"))
        except UnusableImage as error:
            raise CorpusError(f"{image}: {error}") from error
        if frames[-1].shape != frames[0].shape:
            raise CorpusError(f"{image} has {frames[-1].shape[1::-1]} pixels, {images[0]} {frames[0].shape[1::-1]}")
    return np.stack(frames)
