"""Codes to phones: a majority map from aligned speech, and the phones that codes say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.inventories import AUTO, fold_all
from vqspeech.analysis.phonemes import mapping
from vqspeech.analysis.phonemes.frames import label_frames, one_codebook
from vqspeech.analysis.sampled.runs import run_lengths
from vqspeech.codes import CodeTable

SHORTEST_S = 0.03
"""Shorter segments are no phones: they are at most single frames at 50 Hz, where a code is named wrongly."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PhoneMap:
    """The phone of each code of the first codebook.

    Parameters
    ----------
    phones : names, silence among them
    phone_of : (codes,) int64, place in `phones`
    inventory : name of the inventory that the labels were folded by
    accuracy : share of the frames, silent ones too, that it was fitted on and names correctly
    utterances : number of utterances that it was fitted on
    """

    phones: tuple[str, ...]
    phone_of: Codes
    inventory: str
    accuracy: float
    utterances: int

    def segments(self, codes: Codes, shortest: int) -> tuple[Codes, Codes]:
        """Return phone and length in frames of each segment of codes (frames,) of the first codebook.

        Runs of the same phone are segments; those of fewer than `shortest` frames are dropped, and equal phones that
        then meet are one.
        """
        phones, lengths = run_lengths(self.phone_of[codes])
        kept = lengths >= shortest
        phones, lengths = phones[kept], lengths[kept]
        if not len(phones):
            return phones, lengths
        starts = np.flatnonzero(np.r_[True, phones[1:] != phones[:-1]])
        return phones[starts], np.add.reduceat(lengths, starts)


def fit_phone_map(table: CodeTable, alignments: Mapping[str, Alignment], inventory: str = AUTO) -> PhoneMap:
    """Fit the majority map from codes of the first codebook to phones and silence.

    A code that no frame has gets the most frequent phone.

    Parameters
    ----------
    table : codes of the utterances
    alignments : utterance id -> alignment; utterances without one are omitted
    inventory : see `vqspeech.alignment.inventories.fold_all`

    Raises
    ------
    InputError : when no code has a phone
    UnknownNameError : for an unknown inventory
    """
    folded, name, _ = fold_all(alignments, inventory)
    frames = label_frames(one_codebook(table, 0), folded, exclude_silence=False)
    counts = mapping.joint_counts(frames.code, frames.label, frames.n_codes, len(frames.phones))
    return PhoneMap(
        phones=frames.phones,
        phone_of=mapping.majority_map(counts),
        inventory=name,
        accuracy=float(counts.max(axis=1).sum() / counts.sum()),
        utterances=len(frames.utterances),
    )


def shortest_frames(frame_rate_hz: float, shortest_s: float = SHORTEST_S) -> int:
    """Return the fewest frames of a segment that is a phone."""
    return max(1, int(np.ceil(shortest_s * frame_rate_hz - 1e-9)))


def phone_sequences(phone_map: PhoneMap, sequences: Sequence[Codes], shortest: int) -> list[Codes]:
    """Return the phones of the segments of sequences (frames,) of codes of the first codebook."""
    return [phone_map.segments(one, shortest)[0] for one in sequences]
