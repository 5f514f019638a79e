"""Images decoded once: a folder of memory-mapped pixels that the training reads from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech.corpora.base import CorpusFacts
from vqspeech.corpora.rows import RowStore, write_rows
from vqspeech.errors import CorpusError
from vqspeech_image.corpora.base import ImageCorpus


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageStore(RowStore):
    """Images of one size with their classes."""

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """(images, height, width, channels), memory-mapped."""
        return self.arrays["pixels"]  # type: ignore[return-value]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(images,) places in `class_names`, or -1."""
        return self.arrays["labels"]  # type: ignore[return-value]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        height, width, channels = self.pixels.shape[1:]
        return height, width, channels

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; empty where there are none."""
        return tuple(self.facts["class_names"])

    @property
    def stand_in(self) -> bool:
        """Whether the corpus only stands in for another one."""
        return bool(self.facts["stand_in"])


def prepare(corpus: ImageCorpus, directory: Path, progress: Callable[[int, int], None] | None = None) -> ImageStore:
    """Decode a corpus into a folder, whole or not at all.

    Raises
    ------
    CorpusError : when fewer than two images can be decoded, or none is left to train on
    InputError : when the disk is full or cannot be written
    """
    total, done, skipped = sum(corpus.counts.values()), 0, dict(corpus.skipped)
    with write_rows(directory) as writer:
        for block in corpus.blocks():
            skipped |= block.skipped
            if len(block.pixels):
                if block.pixels.shape[1:] != corpus.shape:
                    raise CorpusError(
                        f"{corpus.root}: images of {block.pixels.shape[1:]} among those of {corpus.shape}"
                    )
                writer.add(block.splits, pixels=block.pixels, labels=block.labels)
            done += len(block.pixels) + len(block.skipped)
            if progress is not None:
                progress(done, total)
        if writer.rows < 2:
            raise CorpusError(f"{corpus.root}: fewer than two images can be decoded; {len(skipped)} files were skipped")
        facts = CorpusFacts(
            name=corpus.name, root=corpus.root, variant=corpus.variant, notes=corpus.notes, skipped=skipped
        )
        writer.finish(facts, {"class_names": list(corpus.class_names), "stand_in": corpus.stand_in})
    return ImageStore.open(directory)
