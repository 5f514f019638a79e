"""The voices of a model: the speakers of the training split, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqspeech.corpora.store import AudioStore


@dataclass(frozen=True, kw_only=True)
class Voices:
    """Speakers with training utterances: the rows of a decoder's speaker embedding.

    Parameters
    ----------
    speakers : their ids, sorted
    minutes : minutes of speech that each is trained on
    """

    speakers: tuple[str, ...]
    minutes: tuple[float, ...]

    @classmethod
    def of(cls, store: AudioStore) -> Voices:
        """Find the speakers of a store's training split."""
        rows = store.indices("train")
        samples = np.bincount(store.speaker_numbers[rows], store.lengths[rows], len(store.speakers))
        known = [(speaker, count) for speaker, count in zip(store.speakers, samples, strict=True) if count]
        return cls(
            speakers=tuple(speaker for speaker, _ in known),
            minutes=tuple(float(count) / store.sample_rate / 60 for _, count in known),
        )

    def rows(self, store: AudioStore, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the rows of a store that these speakers say, of those given."""
        return indices[np.isin(np.array(store.speakers)[store.speaker_numbers[indices]], self.speakers)]

    def notes(self) -> dict[str, str]:
        """Describe each voice in a line."""
        pairs = zip(self.speakers, self.minutes, strict=True)
        return {speaker: f"{minutes:.3g} min of speech" for speaker, minutes in pairs}
