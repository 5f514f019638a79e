"""Label codes with phones on one time axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from vqspeech.alignment.base import SILENCE, Alignment
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError

LabelBy = Literal["centre", "majority"]
"""Phone of a code: the one at its centre, or the one that covers the largest part of it."""

MISMATCH_S = 0.25
"""Alignments that end further from the end of the audio, in seconds, are counted: they may be of other recordings."""


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """Counts of what is not scored.

    Parameters
    ----------
    silence : frames labelled `SILENCE`, where silence is excluded
    uncovered : frames that no interval of the alignment covers
    beyond_audio : frames whose centre lies beyond the last sample
    without_alignment : utterances that have no alignment
    alignments_of_others : alignments of utterances that the table does not hold
    ends_apart : utterances whose alignment ends more than `MISMATCH_S` before or after the audio; they are scored as
        far as both reach
    """

    silence: int = 0
    uncovered: int = 0
    beyond_audio: int = 0
    without_alignment: int = 0
    alignments_of_others: int = 0
    ends_apart: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledFrames:
    """Codes of aligned utterances; those that have a phone are scored.

    There are two axes: ``all`` frames of the utterances one after the other, silent and uncovered ones too, since a
    code's neighbours matter; and the scored ``frames`` among them, at `place`.

    Parameters
    ----------
    utterances, speakers, phones : the names that the index arrays point into; phones and speakers are sorted
    lengths : (utterances,) int64, codes of each utterance
    codes : (all,) int64, code of every frame in ``[0, n_codes]``; `n_codes` itself stands for a joint code that no
        scored frame has
    place : (frames,) int64, position of each scored frame among all
    label : (frames,) int64, its phone
    n_codes : size of the codebook; for several codebooks the number of different joint codes on scored frames
    code_names : (n_codes,) ``"17"``, or ``"3,14"`` for a joint code
    speaker_of : (utterances,) int64
    by : method of labelling
    excludes_silence : True when frames labelled `SILENCE` were omitted
    dropped : counts of omitted frames
    """

    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    phones: tuple[str, ...]
    lengths: np.ndarray
    codes: np.ndarray
    place: np.ndarray
    label: np.ndarray
    n_codes: int
    code_names: tuple[str, ...]
    speaker_of: np.ndarray
    by: LabelBy
    excludes_silence: bool
    dropped: Dropped

    def __len__(self) -> int:
        return len(self.place)

    @cached_property
    def utterance_of_all(self) -> np.ndarray:
        """(all,) int64, the utterance of every frame."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def code(self) -> np.ndarray:
        """(frames,) int64, the code of each scored frame."""
        return self.codes[self.place]

    @property
    def utterance(self) -> np.ndarray:
        """(frames,) int64, the utterance of each scored frame."""
        return self.utterance_of_all[self.place]

    @property
    def speaker(self) -> np.ndarray:
        """(frames,) int64, the speaker of each scored frame."""
        return self.speaker_of[self.utterance]

    def split(self, of_all: np.ndarray) -> list[np.ndarray]:
        """Split an array over all frames into one per utterance."""
        return np.split(of_all, np.cumsum(self.lengths)[:-1])


def centres(n_frames: int, hop_samples: int) -> np.ndarray:
    """Return the sample positions of the centres of codes, (n_frames,) float64."""
    return (np.arange(n_frames) + 0.5) * hop_samples


def labels_of(
    row: UtteranceCodes, alignment: Alignment, table: CodeTable, *, by: LabelBy = "centre"
) -> list[str | None]:
    """Return the phone of each code of an utterance.

    It is None where the alignment ends before, or the centre lies beyond the audio.

    Parameters
    ----------
    by : ``"centre"``: the phone that holds at the centre; ``"majority"``: the one that covers most of the code's
        samples, None where more of them are not covered than any phone covers
    """
    middle = centres(row.codes.shape[1], table.hop_samples)
    if by == "centre":
        labels = alignment.labels_at(list(middle / table.sample_rate))
    else:
        labels = _longest(alignment, len(middle), table.hop_samples / table.sample_rate)
    return [label if at < row.n_samples else None for label, at in zip(labels, middle, strict=True)]


def _longest(alignment: Alignment, n_frames: int, hop_s: float) -> list[str | None]:
    durations_of_frames: list[dict[str | None, float]] = [{} for _ in range(n_frames)]
    for phone in alignment.phones:
        first = max(0, int(phone.start_s / hop_s))
        for t in range(first, min(n_frames, int(phone.end_s / hop_s) + 1)):
            share = min(phone.end_s, (t + 1) * hop_s) - max(phone.start_s, t * hop_s)
            if share > 0:
                durations_of_frames[t][phone.label] = durations_of_frames[t].get(phone.label, 0.0) + share
    for durations in durations_of_frames:
        durations[None] = hop_s - sum(durations.values())
    return [
        max(durations, key=lambda label: (durations[label], label is not None)) for durations in durations_of_frames
    ]


def label_frames(
    table: CodeTable, alignments: Mapping[str, Alignment], *, exclude_silence: bool = True, by: LabelBy = "centre"
) -> LabelledFrames:
    """Label every code with its phone.

    Parameters
    ----------
    table : codes of the utterances; codes of several codebooks are scored jointly, see `one_codebook`
    alignments : utterance id -> alignment; utterances without one are counted and omitted
    exclude_silence : omit frames labelled `SILENCE`
    by : see `labels_of`

    Raises
    ------
    InputError : when no frame is left, or a code lies outside its codebook
    """
    if by not in get_args(LabelBy):
        raise InputError(f"labels by {by!r} are not known; choose {' or '.join(get_args(LabelBy))}")
    _check_codes(table)
    ids = {row.id for row in table}
    aligned = [(row, alignments[row.id]) for row in table if row.id in alignments]
    labels: list[str | None] = []
    beyond = apart = 0
    for row, alignment in aligned:
        labels += labels_of(row, alignment, table, by=by)
        beyond += int((centres(row.codes.shape[1], table.hop_samples) >= row.n_samples).sum())
        end_s = alignment.phones[-1].end_s if alignment.phones else 0.0
        apart += abs(end_s - row.n_samples / table.sample_rate) > MISMATCH_S
    dropped = Dropped(
        silence=labels.count(SILENCE) if exclude_silence else 0,
        uncovered=labels.count(None) - beyond,
        beyond_audio=beyond,
        without_alignment=len(table) - len(aligned),
        alignments_of_others=sum(key not in ids for key in alignments),
        ends_apart=apart,
    )
    scored = [(t, x) for t, x in enumerate(labels) if x is not None and not (exclude_silence and x == SILENCE)]
    if not scored:
        raise InputError(
            f"no code has a phone: {len(table)} utterances, {dropped.without_alignment} of them without an alignment, "
            f"{dropped.uncovered} frames not covered by one, {dropped.silence} silent; check that alignments and codes "
            f"have the same ids (first of each: {next(iter(alignments), 'none')!r}, "
            f"{table.rows[0].id if table.rows else 'none'!r})"
        )
    phones = sorted({label for _, label in scored})
    position = {phone: index for index, phone in enumerate(phones)}
    place = np.asarray([t for t, _ in scored], dtype=np.int64)
    codes, names = _code_ids(np.concatenate([row.codes for row, _ in aligned], axis=1), place, table.codebook_sizes)
    speakers = sorted({row.speaker for row in table})
    return LabelledFrames(
        utterances=tuple(row.id for row, _ in aligned),
        speakers=tuple(speakers),
        phones=tuple(phones),
        lengths=np.asarray([row.codes.shape[1] for row, _ in aligned], dtype=np.int64),
        codes=codes,
        place=place,
        label=np.asarray([position[label] for _, label in scored], dtype=np.int64),
        n_codes=len(names),
        code_names=names,
        speaker_of=np.asarray([speakers.index(row.speaker) for row, _ in aligned], dtype=np.int64),
        by=by,
        excludes_silence=exclude_silence,
        dropped=dropped,
    )


def one_codebook(table: CodeTable, book: int) -> CodeTable:
    """Return the table with the codes of one of its codebooks only."""
    rows = tuple(replace(row, codes=row.codes[book : book + 1]) for row in table)
    return replace(table, codebook_sizes=(table.codebook_sizes[book],), rows=rows)


def _check_codes(table: CodeTable) -> None:
    sizes = np.asarray(table.codebook_sizes)[:, None]
    for row in table:
        if row.codes.ndim != 2 or len(row.codes) != len(sizes):
            raise InputError(f"codes of {row.id!r} have shape {row.codes.shape}, expected ({len(sizes)}, frames)")
        if row.codes.size and ((row.codes < 0) | (row.codes >= sizes)).any():
            raise InputError(f"{row.id!r} holds codes outside its codebook of {table.codebook_sizes} codes")


def _code_ids(codes: np.ndarray, place: np.ndarray, sizes: tuple[int, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return an id per frame of codes (codebooks, all), or the numbers of joint codes."""
    if len(sizes) == 1:
        return codes[0].astype(np.int64), tuple(str(code) for code in range(sizes[0]))
    joint, ids = np.unique(codes, axis=1, return_inverse=True)
    ids = ids.reshape(-1)
    seen = np.unique(ids[place])
    position = np.full(joint.shape[1], len(seen), dtype=np.int64)
    position[seen] = np.arange(len(seen))
    return position[ids], tuple(",".join(str(code) for code in column) for column in joint[:, seen].T)
