"""scikit-learn's digits, enlarged to MNIST's size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vqspeech_image.corpora.base import Block, ImageCorpus, counted, held_out

SIDE = 28


def read(root: Path | str | None = None, *, valid: float = 0.05, test: float = 0.1) -> ImageCorpus:
    """Read 1,797 digits of 43 writers, enlarged to 28 x 28 by cubic interpolation.

    Parameters
    ----------
    root : ignored; the images come with scikit-learn
    valid, test : held-out shares, by a hash of the place
    """
    from PIL import Image
    from sklearn import datasets

    digits = datasets.load_digits()
    small = np.round(np.asarray(digits.images) * (255 / 16)).astype(np.uint8)
    pixels = np.stack(
        [np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for image in small]
    )
    splits = held_out([f"digits/{number}" for number in range(len(pixels))], valid, test)
    block = Block(pixels=pixels[..., None], labels=np.asarray(digits.target, np.int64), splits=splits)

    def blocks() -> Iterator[Block]:
        yield block

    return ImageCorpus(
        name="digits",
        root=Path(datasets.__file__).parent,
        variant=f"scikit-learn's digits, {len(pixels):,} images of 8 x 8 enlarged to {SIDE} x {SIDE}",
        shape=(SIDE, SIDE, 1),
        class_names=tuple("0123456789"),
        counts=counted(splits),
        blocks=blocks,
        stand_in=True,
    )
