"""Walks through ViZDoom's rooms with their actions, as the corpus ``vizdoom`` of vqspeech-image renders them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from vqspeech_image.corpora.base import ImageCorpus
from vqspeech_image.corpora.vizdoom import ACTION_NAMES, CHANNELS, clip_keys, rendered_clips

from vqspeech.errors import CorpusError
from vqspeech_video.corpora.base import Clip, clip_corpus


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
    """Render clips of walks with their actions; equal options give equal frames and actions.

    Each clip is an episode, so whole episodes are held out.

    Parameters
    ----------
    root : ignored; the levels come with the package
    scenario, clips, clip_frames, size, seed, valid, test : as in the corpus ``vizdoom`` of vqspeech-image

    Raises
    ------
    CorpusError : ViZDoom is not installed, or fails
    ConfigError : options out of range
    """
    if importlib.util.find_spec("vizdoom") is None:
        raise CorpusError(
            "the corpus vizdoom-actions needs ViZDoom, not installed here: pip install 'vqspeech-video[vizdoom]'; the "
            "corpus shapes needs nothing"
        )
    rendered = rendered_clips(scenario=scenario, clips=clips, clip_frames=clip_frames, size=size, seed=seed)

    def walks() -> Iterator[Clip]:
        return (Clip(frames, actions) for frames, actions in rendered())

    return clip_corpus(
        name="vizdoom-actions",
        root=Path(str(root or ".")),
        variant=f"ViZDoom's {scenario}, {clips:,} clips of {clip_frames} frames, {size} x {size}, seed {seed}",
        shape=(size, size, CHANNELS),
        action_names=ACTION_NAMES,
        keys=clip_keys(scenario, seed, clips),
        lengths=[clip_frames] * clips,
        clips=walks,
        valid=valid,
        test=test,
        notes=("A stand-in for DeepMind Lab: first-person views of textured rooms and corridors.",),
    )
