"""Images as PNG files, alone and in grids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech.codec.to_files import SOFTWARE
from vqspeech.files import whole_file

GAP = 2


def grid(images: npt.NDArray[np.uint8], columns: int) -> npt.NDArray[np.uint8]:
    """Arrange images (count, height, width, channels) in rows of `columns`, with white gaps."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), 255, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top, left = row * (height + GAP), column * (width + GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def save_grid(images: npt.NDArray[np.uint8], columns: int, path: Path, least_side: int = 64) -> Path:
    """Write `grid` as PNG, enlarged to `least_side` per image; return the path."""
    sheet = grid(images, columns)
    scale = max(1, -(-least_side // images.shape[1]))
    sheet = sheet.repeat(scale, 0).repeat(scale, 1)
    return save_image(sheet, path)


def save_image(pixels: npt.NDArray[np.uint8], path: Path) -> Path:
    """Write pixels (height, width, channels) as PNG, whole or not at all; return the path."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    # Tells the file from a user's, which is not replaced.
    about = PngInfo()
    about.add_text("Software", SOFTWARE)
    with whole_file(path) as partial:
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        image.save(partial, "PNG", optimize=True, pnginfo=about)
    return path
