"""Phones of the utterances of an audio store, as a label for each hundredth of a second."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqspeech.alignment.inventories import Inventory, unknown_labels
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import CorpusError

LABEL_RATE = 100
UNKNOWN = -1
"""Label of a frame without a phone: of utterances without alignment, and of gaps."""


@dataclass(frozen=True, eq=False)
class PhoneLabels:
    """Phones of every row of a store.

    Parameters
    ----------
    frames : (frames,) int16, index among the inventory's classes or `UNKNOWN`, of all rows one after the other
    starts : (rows + 1,) first frame of each row, and the end
    sample_rate : rate of the store
    """

    frames: npt.NDArray[np.int16]
    starts: npt.NDArray[np.int64]
    sample_rate: int

    @classmethod
    def of(cls, store: AudioStore, inventory: Inventory) -> PhoneLabels:
        """Read the alignments of a store.

        Raises
        ------
        CorpusError : when no utterance of the training split has an alignment, or none in these phones
        """
        lengths = [-(-int(length) * LABEL_RATE // store.sample_rate) for length in store.lengths]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        frames = np.full(int(starts[-1]), UNKNOWN, np.int16)
        place = {name: number for number, name in enumerate(inventory.classes)}
        for row, start, length in zip(store.rows, starts, lengths, strict=False):
            if row.alignment is None:
                continue
            times = [(frame + 0.5) / LABEL_RATE for frame in range(length)]
            names = inventory.fold_alignment(row.alignment).labels_at(times)
            frames[start : start + length] = [UNKNOWN if name is None else place.get(name, UNKNOWN) for name in names]
        aligned = [row.alignment for row in store.rows if row.alignment is not None]
        if unknown := unknown_labels(aligned, inventory):
            warnings.warn(
                f"{unknown}: model.phones learns nothing from them; model.phones.inventory names another inventory",
                stacklevel=2,
            )
        labels = cls(frames, starts, store.sample_rate)
        if not any((labels.row(int(index)) != UNKNOWN).any() for index in store.indices("train")):
            raise CorpusError(
                f"no training utterance in {store.directory} has phones of the inventory {inventory.name}, which "
                "model.phones.weight needs; corpus.aligner = 'pocketsphinx' makes them from texts"
            )
        return labels

    def row(self, index: int) -> npt.NDArray[np.int16]:
        """Return the labels (frames,) of a row."""
        return self.frames[self.starts[index] : self.starts[index + 1]]

    def crop(self, index: int, start: int, count: int, hop_samples: int) -> npt.NDArray[np.int64]:
        """Return the label (count,) at the centre of each code of a crop that begins at a sample of a row."""
        row = self.row(index)
        centres = start + (np.arange(count) + 0.5) * hop_samples
        places = (centres * LABEL_RATE / self.sample_rate).astype(np.int64)
        inside = places < len(row)
        result = np.full(count, UNKNOWN, np.int64)
        result[inside] = row[places[inside]]
        return result
