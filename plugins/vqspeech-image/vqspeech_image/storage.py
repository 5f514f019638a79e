"""What the stores of images and of codes share: rows with labels and splits, in folders that are whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech import files
from vqspeech.corpora.base import Split
from vqspeech.errors import CorpusError, InputError
from vqspeech_image.corpora.base import split_index


@dataclass(frozen=True, kw_only=True, eq=False)
class RowStore:
    """Rows of which each is an image, or what was made of it.

    Parameters
    ----------
    labels : (rows,) int64, indices into ``corpus.class_names`` or -1
    splits : (rows,) uint8, indices into `vqspeech.corpora.base.SPLITS`
    corpus : where they come from; has ``name``, ``root``, ``variant``, ``class_names`` and ``skipped``
    fingerprint : sha256 of rows, labels and splits
    """

    labels: npt.NDArray[np.int64]
    splits: npt.NDArray[np.uint8]
    corpus: Any
    fingerprint: str

    def indices(self, split: Split) -> npt.NDArray[np.int64]:
        """Which rows are in a split."""
        return np.flatnonzero(self.splits == split_index(split))

    def held_out(self) -> tuple[Split, npt.NDArray[np.int64]]:
        """The rows to evaluate on: those of the test split, else of validation, else of training; and which split that is."""
        for split in ("test", "valid", "train"):
            found = self.indices(split)
            if len(found):
                return split, found
        raise CorpusError(f"{self.corpus.root} holds no images")


@contextmanager
def whole_directory(directory: Path, what: str) -> Iterator[Path]:
    """A folder to fill, which takes its name when all went well and is deleted otherwise.

    Parameters
    ----------
    directory : its name in the end
    what : it holds, for the message

    Raises
    ------
    InputError : when the disk refuses
    """
    try:
        with files.whole_directory(directory) as partial:
            yield partial
    except OSError as error:
        raise InputError(f"cannot write the {what} to {directory}: {error.strerror or error}") from error
