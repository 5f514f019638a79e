"""First-person views of ViZDoom's rooms (Kempka et al. 2016, arXiv 1605.02097).

Nothing is downloaded: the game's free levels come with the package (``pip install 'vqspeech-image[vizdoom]'``). The
engine writes into its working directory, prints on standard output, and takes the process with it when it fails; so it
runs in a process and a folder of its own.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech.errors import ConfigError, CorpusError
from vqspeech_image.corpora.base import ImageCorpus, counted
from vqspeech_image.corpora.clips import blocks_of_clips, splits_of_frames

CHANNELS = 3
ACTION_NAMES = ("forward", "left", "right")
"""What the walker does, in the order of the renderer's actions."""

Clip = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
"""Frames (frames, size, size, 3), and for each the action (frames,) that follows it, places in `ACTION_NAMES`."""


def read(
    root: Path | str | None = None,
    *,
    scenario: str = "my_way_home",
    clips: int = 1150,
    clip_frames: int = 16,
    size: int = 84,
    seed: int = 0,
    valid: float = 0.05,
    test: float = 0.1,
) -> ImageCorpus:
    """Render clips of walks through a scenario; equal options give equal frames.

    The walker keeps its action with probability 0.75, else it draws one: forward (0.6), left (0.2), right (0.2), each
    held for four tics of 1/35 s, of which the last is shown.

    Parameters
    ----------
    root : ignored; the levels come with the package
    scenario : a scenario of ViZDoom
    clips, clip_frames : number of clips, and frames of each
    size : side of the frames in pixels, up to 120: the centre of 160 x 120, shrunk by averaging
    seed : seed of rooms and walks
    valid, test : held-out shares of the clips, by a hash of their numbers

    Raises
    ------
    CorpusError : ViZDoom is not installed, or fails
    ConfigError : options out of range
    """
    rendered = rendered_clips(scenario=scenario, clips=clips, clip_frames=clip_frames, size=size, seed=seed)
    splits = splits_of_frames(clip_keys(scenario, seed, clips), [clip_frames] * clips, valid, test)

    def frames() -> Iterator[npt.NDArray[np.uint8]]:
        return (clip for clip, _ in rendered())

    return ImageCorpus(
        name="vizdoom",
        root=_scenarios(),
        variant=f"ViZDoom's {scenario}, {clips * clip_frames:,} frames of {clips:,} clips, {size} x {size}, "
        f"seed {seed}",
        shape=(size, size, CHANNELS),
        class_names=(),
        counts=counted(np.concatenate(splits)),
        blocks=blocks_of_clips(frames, splits),
        notes=("A stand-in for DeepMind Lab: first-person views of textured rooms and corridors.",),
    )


def clip_keys(scenario: str, seed: int, clips: int) -> list[str]:
    """Return the key of each clip, whose hash decides its split."""
    return [f"vizdoom/{scenario}/{seed}/{number}" for number in range(clips)]


def rendered_clips(
    *, scenario: str, clips: int, clip_frames: int, size: int, seed: int
) -> Callable[[], Iterator[Clip]]:
    """Return what renders the clips of `read` with their actions, in order; arguments and errors as there."""
    for name, value, most in (("clips", clips, 10**6), ("clip_frames", clip_frames, 500), ("size", size, 120)):
        least = 2 if name == "clips" else 1
        if not least <= value <= most:
            raise ConfigError(f"corpus.options.{name} = {value}; between {least} and {most}")
    folder = _scenarios()
    known = sorted(path.stem for path in folder.glob("*.cfg"))
    if scenario not in known:
        raise ConfigError(f"corpus.options.scenario = {scenario!r}; one of {', '.join(known)}")
    settings = {"config": str(folder / f"{scenario}.cfg"), "clips": clips, "clip_frames": clip_frames, "size": size}
    return lambda: _rendered({**settings, "seed": seed}, clips, (clip_frames, size, size, CHANNELS))


def _scenarios() -> Path:
    """Return ViZDoom's folder of scenarios."""
    spec = importlib.util.find_spec("vizdoom")
    if spec is None or spec.origin is None:
        raise CorpusError("the corpus vizdoom needs ViZDoom, not installed here: pip install 'vqspeech-image[vizdoom]'")
    return Path(spec.origin).parent / "scenarios"


def _rendered(settings: dict[str, object], clips: int, shape: tuple[int, int, int, int]) -> Iterator[Clip]:
    """Read clips from the renderer's pipe."""
    pixels = int(np.prod(shape))
    with tempfile.TemporaryDirectory(prefix="vqspeech-vizdoom-") as scratch:
        log_path = Path(scratch) / "said"
        command = [sys.executable, "-m", "vqspeech_image.corpora.vizdoom_renderer", json.dumps(settings)]
        with log_path.open("wb") as errors:
            process = subprocess.Popen(command, cwd=scratch, stdout=subprocess.PIPE, stderr=errors)
        assert process.stdout is not None
        try:
            for number in range(clips):
                content = process.stdout.read(pixels + shape[0])
                if len(content) < pixels + shape[0]:
                    code = process.wait()
                    last = " / ".join(log_path.read_text(errors="replace").strip().splitlines()[-3:])
                    raise CorpusError(
                        f"ViZDoom ended after {number} of {clips} clips with code {code}: {last or 'no message'}"
                    )
                values = np.frombuffer(content, np.uint8)
                yield values[:pixels].reshape(shape), values[pixels:]
        finally:
            process.stdout.close()
            process.kill()
            process.wait()
