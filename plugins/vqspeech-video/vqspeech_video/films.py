"""Clips as files: strips of frames (PNG), animations (WebP), films (MP4, where the package av is installed)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from vqspeech_image.grids import save_grid

from vqspeech.codec.to_files import SOFTWARE
from vqspeech.files import whole_file

Frames = npt.NDArray[np.uint8]
GIVEN, GENERATED = (150, 150, 150), (230, 120, 20)
"""Colours of the frames around what is given and what is generated."""
BORDER = 2
FRAME_MS = 160
"""Duration of a frame of an animation in milliseconds; ViZDoom's four tics last 114."""
HELD_FRAMES = 5
"""Durations that the last frame stays before the animation begins again."""


def bordered(clip: Frames, given: int) -> Frames:
    """Draw a border around every frame: grey around the first `given` ones, orange around the others.

    Parameters
    ----------
    clip : (frames, height, width, channels) uint8
    given : number of frames that were given

    Returns
    -------
    (frames, height + 4, width + 4, 3)
    """
    frames, height, width, channels = clip.shape
    found = np.empty((frames, height + 2 * BORDER, width + 2 * BORDER, 3), np.uint8)
    found[:given], found[given:] = GIVEN, GENERATED
    found[:, BORDER : BORDER + height, BORDER : BORDER + width] = clip if channels == 3 else clip.repeat(3, -1)
    return found


def save_strips(clips: Sequence[Frames], given: int, path: Path) -> Path:
    """Write clips as PNG, a row for each; return the path."""
    rows = [bordered(clip, given) for clip in clips]
    return save_grid(np.concatenate(rows), len(rows[0]), path)


def save_animation(clips: Sequence[Frames], given: int, path: Path, least_side: int = 160) -> Path:
    """Write clips beside each other as an animated WebP that repeats; return the path.

    Parameters
    ----------
    clips : (frames, height, width, channels) uint8 each, of one shape
    given : number of frames of each that were given
    least_side : smaller frames are enlarged by a whole factor to at least this side
    """
    from PIL import ExifTags, Image

    images = [Image.fromarray(frame) for frame in _sheet(clips, given, least_side)]
    # Tells the file from a user's, which is not replaced.
    about = Image.Exif()
    about[ExifTags.Base.Software] = SOFTWARE
    durations = [FRAME_MS] * (len(images) - 1) + [FRAME_MS * HELD_FRAMES]
    with whole_file(path) as partial:
        images[0].save(
            partial,
            "WEBP",
            save_all=True,
            append_images=images[1:],
            duration=durations,
            loop=0,
            quality=80,
            exif=about,
        )
    return path


def save_film(clips: Sequence[Frames], given: int, path: Path, least_side: int = 160) -> Path:
    """Write clips beside each other as H.264 in MP4; return the path.

    It needs the package av, whose `ImportError` is raised; arguments as in `save_animation`.
    """
    import av

    sheet = _sheet(clips, given, least_side)
    # Colours at half of the resolution need even sides.
    sheet = sheet[:, : sheet.shape[1] // 2 * 2, : sheet.shape[2] // 2 * 2]
    with whole_file(path) as partial, av.open(str(partial), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(1000, FRAME_MS), options={"crf": "18"})
        stream.height, stream.width, stream.pix_fmt = *sheet.shape[1:3], "yuv420p"
        for frame in (*sheet, *sheet[-1:].repeat(HELD_FRAMES - 1, 0)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def _sheet(clips: Sequence[Frames], given: int, least_side: int) -> Frames:
    """Draw borders, put clips beside each other, and enlarge them to (frames, height, width, 3)."""
    sheet = np.concatenate([bordered(clip, given) for clip in clips], 2)
    scale = max(1, -(-least_side // clips[0].shape[1]))
    return sheet.repeat(scale, 1).repeat(scale, 2)
