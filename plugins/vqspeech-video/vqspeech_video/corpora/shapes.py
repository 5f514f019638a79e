"""A world without an extra: a camera over an endless plane of coloured shapes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from vqspeech_image.corpora.base import ImageCorpus

from vqspeech.errors import ConfigError
from vqspeech_video.corpora.base import Clip, clip_corpus

ACTION_NAMES = ("forward", "left", "right")
MOVES = ((-1, 0), (0, -1), (0, 1))
"""Camera's way (down, right) of each action, in steps."""
SHARES, KEPT = (0.6, 0.2, 0.2), 0.75
"""As the walker of ``vizdoom`` chooses: probabilities of a new action, and of keeping the last one."""
SHAPES_PER_WORLD = 24
LIMITS = {"clips": (2, 10**6), "clip_frames": (2, 500), "size": (8, 256)}


def read(
    root: Path | str | None = None,
    *,
    clips: int = 600,
    clip_frames: int = 16,
    size: int = 32,
    seed: int = 0,
    valid: float = 0.05,
    test: float = 0.1,
) -> ImageCorpus:
    """Draw clips of a camera that moves by an eighth of its view for each action; equal options give equal clips.

    Every clip has a world of its own: discs and squares on a plane that repeats after four views. The camera keeps its
    action with probability 0.75, else it draws one: forward (0.6), left (0.2), right (0.2).

    Parameters
    ----------
    root : ignored
    clips, clip_frames : number of clips, and frames of each
    size : side of the frames in pixels
    seed : seed of worlds and ways
    valid, test : held-out shares of the clips, by a hash of their numbers

    Raises
    ------
    ConfigError : options out of range
    """
    for name, value in (("clips", clips), ("clip_frames", clip_frames), ("size", size)):
        least, most = LIMITS[name]
        if not least <= value <= most:
            raise ConfigError(f"corpus.options.{name} = {value}; between {least} and {most}")

    def drawn() -> Iterator[Clip]:
        for number in range(clips):
            yield _clip(np.random.Generator(np.random.Philox(key=[seed % 2**64, number])), clip_frames, size)

    return clip_corpus(
        name="shapes",
        root=Path(str(root or ".")),
        variant=f"shapes, {clips:,} clips of {clip_frames} frames, {size} x {size}, seed {seed}",
        shape=(size, size, 3),
        action_names=ACTION_NAMES,
        keys=[f"shapes/{seed}/{number}" for number in range(clips)],
        lengths=[clip_frames] * clips,
        clips=drawn,
        valid=valid,
        test=test,
        notes=("Generated shapes: they show that everything works, and are no world of first-person views.",),
    )


def _clip(draw: np.random.Generator, frames: int, size: int) -> Clip:
    world, step = _world(draw, size), max(1, size // 8)
    place = draw.integers(0, len(world), 2)
    action, shown, taken = 0, [], []
    for _ in range(frames):
        rows, columns = (np.arange(start, start + size) % len(world) for start in place)
        shown.append(world[rows[:, None], columns])
        if draw.random() >= KEPT:
            action = int(draw.choice(len(ACTION_NAMES), p=SHARES))
        taken.append(action)
        place = place + np.array(MOVES[action]) * step
    return Clip(np.stack(shown), np.array(taken))


def _world(draw: np.random.Generator, size: int) -> npt.NDArray[np.uint8]:
    """Draw a plane (4 * size, 4 * size, 3) with shapes that go on across its edges."""
    side = 4 * size
    world = np.empty((side, side, 3), np.uint8)
    world[:] = draw.integers(0, 256, 3)
    rows, columns = np.mgrid[:side, :side]
    for _ in range(SHAPES_PER_WORLD):
        row, column = draw.integers(0, side, 2)
        radius = draw.uniform(size / 8, size / 2)
        down, right = (
            (np.abs(axis - at) + side // 2) % side - side // 2 for axis, at in ((rows, row), (columns, column))
        )
        inside = (
            down**2 + right**2 < radius**2 if draw.random() < 0.5 else np.maximum(np.abs(down), np.abs(right)) < radius
        )
        world[inside] = draw.integers(0, 256, 3)
    return world
