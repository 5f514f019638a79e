"""Read one image file of any type as 8-bit pixels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

Mode = Literal["L", "RGB"]
MODES: dict[int, Mode] = {1: "L", 3: "RGB"}
"""Channels -> Pillow's name of that kind of image."""

SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")

WITH_EXIF = ("JPEG", "MPO", "TIFF", "WEBP")
"""Formats whose orientation is applied; that of a PNG is known only after decoding."""


class UnusableImage(Exception):  # noqa: N818
    """A skipped file, with the reason."""


def probe(path: Path) -> tuple[int, int]:
    """Read the (width, height) of an upright image from its header.

    Raises
    ------
    UnusableImage : not an image, too large for one of a data set, or with numbers of no fixed range
    """
    from PIL import ExifTags, Image

    with _guarded(), Image.open(path) as image:
        if image.mode == "F":
            raise UnusableImage("32-bit floating point pixels have no fixed range; store 8 or 16 bits")
        if min(image.size) < 1:
            raise UnusableImage("it has no pixels")
        turned = image.format in WITH_EXIF and image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        return (image.height, image.width) if turned else image.size


def load_pixels(path: Path, *, size: int | None, mode: Mode) -> npt.NDArray[np.uint8]:
    """Read the pixels (height, width, channels) uint8 of an image file.

    Applies the orientation of its EXIF data; divides 16-bit values by 257 (Pillow clips them at 255); puts transparency
    on white; converts palettes, grey and CMYK.

    Parameters
    ----------
    path : the file
    size : side of the square to cut from the centre; None for the whole image
    mode : ``"L"`` for one channel, ``"RGB"`` for three

    Raises
    ------
    UnusableImage : truncated or damaged
    """
    from PIL import Image, ImageOps

    with _guarded(), Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened) if opened.format in WITH_EXIF else opened
        image = _opaque(_eight_bits(upright)).convert(mode)
        if size is not None:
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            method = Image.Resampling.BOX if side >= size else Image.Resampling.BICUBIC
            image = image.resize((size, size), method, box=(left, top, left + side, top + side))
        pixels = np.array(image, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def _eight_bits(image: PillowImage) -> PillowImage:
    from PIL import Image

    if image.mode not in SIXTEEN_BITS:
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise UnusableImage(f"values from {values.min()} to {values.max()} are neither 8 nor 16 bits")
    return Image.fromarray(np.round(values / 257).astype(np.uint8))


def _opaque(image: PillowImage) -> PillowImage:
    from PIL import Image

    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in image.info:
        return image
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)


@contextmanager
def _guarded() -> Iterator[None]:
    """Turn Pillow's errors and warnings within the context into `UnusableImage`."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except UnidentifiedImageError as error:
            raise UnusableImage("it is no image") from error
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise UnusableImage("it has too many pixels for one of a data set") from error
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError) as error:
            raise UnusableImage(f"it cannot be decoded: {error}") from error
