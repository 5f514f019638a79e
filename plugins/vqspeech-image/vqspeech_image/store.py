"""Images decoded once: a folder of memory-mapped pixels that the training reads from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.corpora.base import SPLITS
from vqspeech.errors import CheckpointError, CorpusError
from vqspeech_image.corpora.base import ImageCorpus, split_index
from vqspeech_image.storage import RowStore, whole_directory

PIXELS, ABOUT, FACTS = "pixels.bin", "about.npz", "facts.json"


@dataclass(frozen=True, kw_only=True)
class StoredCorpus:
    """What a store knows of the corpus that it was made from; see `ImageCorpus`."""

    name: str
    root: Path
    variant: str
    class_names: tuple[str, ...]
    skipped: dict[str, str]
    notes: tuple[str, ...]
    stand_in: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageStore(RowStore):
    """Images of one size.

    Parameters
    ----------
    pixels : (images, height, width, channels) uint8, memory-mapped
    """

    pixels: npt.NDArray[np.uint8]
    corpus: StoredCorpus

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        height, width, channels = self.pixels.shape[1:]
        return height, width, channels

    @classmethod
    def open(cls, directory: Path) -> ImageStore:
        """A store that `prepare` made.

        Raises
        ------
        CheckpointError : when it is damaged
        """
        try:
            facts = json.loads((directory / FACTS).read_text(encoding="utf-8"))
            with np.load(directory / ABOUT, allow_pickle=False) as about:
                labels, splits = about["labels"], about["splits"]
            pixels = np.memmap(directory / PIXELS, np.uint8, "r", shape=(len(labels), *facts["shape"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"the prepared images in {directory} cannot be read: {error}; delete that folder to prepare them again"
            ) from error
        corpus = facts["corpus"]
        stored = StoredCorpus(
            name=corpus["name"],
            root=Path(corpus["root"]),
            variant=corpus["variant"],
            class_names=tuple(corpus["class_names"]),
            skipped=corpus["skipped"],
            notes=tuple(corpus["notes"]),
            stand_in=corpus["stand_in"],
        )
        return cls(pixels=pixels, labels=labels, splits=splits, corpus=stored, fingerprint=facts["fingerprint"])


def prepare(corpus: ImageCorpus, directory: Path, progress: Callable[[int, int], None] | None = None) -> ImageStore:
    """Decode a corpus into a folder, whole or not at all.

    Raises
    ------
    CorpusError : when fewer than two images can be decoded, or none is left to train on
    InputError : when the disk refuses
    """
    with whole_directory(directory, "images") as partial:
        facts = _decode(corpus, partial, progress)
        (partial / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return ImageStore.open(directory)


def _decode(corpus: ImageCorpus, folder: Path, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    total, done = sum(corpus.counts.values()), 0
    labels, splits, skipped = [], [], dict(corpus.skipped)
    digest = hashlib.sha256(json.dumps(corpus.shape).encode())
    with (folder / PIXELS).open("wb") as file:
        for block in corpus.blocks():
            skipped |= block.skipped
            if len(block.pixels):
                if block.pixels.shape[1:] != corpus.shape:
                    raise CorpusError(
                        f"{corpus.root}: images of {block.pixels.shape[1:]} among those of {corpus.shape}"
                    )
                content = np.ascontiguousarray(block.pixels).tobytes()
                digest.update(content)
                file.write(content)
                labels.append(block.labels)
                splits.append(block.splits)
            done += len(block.pixels) + len(block.skipped)
            if progress is not None:
                progress(done, total)
    if sum(map(len, labels)) < 2:
        raise CorpusError(f"{corpus.root}: fewer than two images can be decoded; {len(skipped)} files were skipped")
    all_labels, all_splits = np.concatenate(labels), np.concatenate(splits)
    if not (all_splits == split_index("train")).any():
        raise CorpusError(f"{corpus.root}: no image is left to train on; all {len(all_splits)} are held out")
    for values in (all_labels, all_splits):
        digest.update(values.tobytes())
    np.savez(folder / ABOUT, labels=all_labels, splits=all_splits)
    return {
        "shape": list(corpus.shape),
        "fingerprint": digest.hexdigest(),
        "splits": list(SPLITS),
        "corpus": {
            "name": corpus.name,
            "root": str(corpus.root),
            "variant": corpus.variant,
            "class_names": list(corpus.class_names),
            "skipped": skipped,
            "notes": list(corpus.notes),
            "stand_in": corpus.stand_in,
        },
    }
