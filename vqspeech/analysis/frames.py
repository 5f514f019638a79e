"""Codes and phones on one time axis: every code gets the phone that holds at its centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vqspeech.alignment.base import SILENCE, Alignment
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledFrames:
    """Codes that have a phone, over all utterances, in the order of the table.

    Parameters
    ----------
    utterances, speakers, phones : the names that the index arrays point into; phones and speakers are sorted
    utterance, speaker, label : (frames,) int64, indices into these names
    frame : (frames,) int64, position of the code in its utterance
    code : (frames,) int64, code id in ``[0, n_codes)``
    n_codes : size of the codebook; for several codebooks the number of different joint codes seen
    code_names : (n_codes,) ``"17"``, or ``"3,14"`` for a joint code
    excludes_silence : True when frames labelled `SILENCE` were left out
    dropped_silence, dropped_uncovered, dropped_beyond_audio : frames left out because they are silence, because no interval
        of the alignment covers their centre, or because their centre lies beyond the last sample
    without_alignment : utterances left out because they have no alignment
    """

    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    phones: tuple[str, ...]
    utterance: np.ndarray
    speaker: np.ndarray
    label: np.ndarray
    frame: np.ndarray
    code: np.ndarray
    n_codes: int
    code_names: tuple[str, ...]
    excludes_silence: bool
    dropped_silence: int
    dropped_uncovered: int
    dropped_beyond_audio: int
    without_alignment: int

    def __len__(self) -> int:
        return len(self.code)

    def slices(self) -> list[tuple[str, slice]]:
        """Each utterance that has frames, with its slice of the frame arrays."""
        edges = [0, *(np.flatnonzero(np.diff(self.utterance)) + 1).tolist(), len(self)]
        return [
            (self.utterances[self.utterance[start]], slice(start, stop))
            for start, stop in pairwise(edges)
            if stop > start
        ]


def centres(n_frames: int, hop_samples: int) -> np.ndarray:
    """Sample positions of the centres of codes 0 ... n_frames - 1: code t covers ``[t * hop, (t + 1) * hop)``. (n_frames,) float64."""
    return (np.arange(n_frames) + 0.5) * hop_samples


def labels_of(row: UtteranceCodes, alignment: Alignment, table: CodeTable) -> list[str | None]:
    """The phone at the centre of each code of an utterance, None where the alignment or the audio does not reach."""
    middle = centres(row.codes.shape[1], table.hop_samples)
    labels = alignment.labels_at(list(middle / table.sample_rate))
    return [label if at < row.n_samples else None for label, at in zip(labels, middle, strict=True)]


def label_frames(
    table: CodeTable, alignments: Mapping[str, Alignment], *, exclude_silence: bool = True
) -> LabelledFrames:
    """Label every code with the phone at its centre.

    Parameters
    ----------
    table : codes of the utterances
    alignments : utterance id -> alignment; utterances without one are counted and left out
    exclude_silence : leave out frames labelled `SILENCE`

    Raises
    ------
    InputError : when no frame is left, or a code lies outside its codebook
    """
    _check_codes(table)
    chosen: list[tuple[int, int, np.ndarray, np.ndarray, list[str]]] = []
    utterances: list[str] = []
    silent = uncovered = beyond = without = 0
    speakers = sorted({row.speaker for row in table})
    for row in table:
        alignment = alignments.get(row.id)
        if alignment is None:
            without += 1
            continue
        labels = labels_of(row, alignment, table)
        outside = int((centres(len(labels), table.hop_samples) >= row.n_samples).sum())
        beyond += outside
        uncovered += labels.count(None) - outside
        if exclude_silence:
            silent += labels.count(SILENCE)
        keep = [t for t, label in enumerate(labels) if label is not None and not (exclude_silence and label == SILENCE)]
        names = [str(labels[t]) for t in keep]
        index = np.asarray(keep, dtype=np.int64)
        chosen.append((len(utterances), speakers.index(row.speaker), index, row.codes[:, index], names))
        utterances.append(row.id)
    phones = sorted({name for *_, names in chosen for name in names})
    if not phones:
        raise InputError(
            f"no code has a phone: {len(table)} utterances, {without} of them without an alignment, {uncovered} frames not "
            f"covered by one, {silent} silent; check that the ids of the alignments are those of the codes "
            f"(first of each: {next(iter(alignments), 'none')!r}, {table.rows[0].id if table.rows else 'none'!r})"
        )
    position = {phone: index for index, phone in enumerate(phones)}
    lengths = [len(index) for _, _, index, _, _ in chosen]
    code, names_of_codes = _code_ids(np.concatenate([codes for *_, codes, _ in chosen], axis=1), table.codebook_sizes)
    return LabelledFrames(
        utterances=tuple(utterances),
        speakers=tuple(speakers),
        phones=tuple(phones),
        utterance=np.repeat(np.asarray([item[0] for item in chosen], dtype=np.int64), lengths),
        speaker=np.repeat(np.asarray([item[1] for item in chosen], dtype=np.int64), lengths),
        label=np.asarray([position[name] for *_, names in chosen for name in names], dtype=np.int64),
        frame=np.concatenate([item[2] for item in chosen]),
        code=code,
        n_codes=len(names_of_codes),
        code_names=names_of_codes,
        excludes_silence=exclude_silence,
        dropped_silence=silent,
        dropped_uncovered=uncovered,
        dropped_beyond_audio=beyond,
        without_alignment=without,
    )


def _check_codes(table: CodeTable) -> None:
    sizes = np.asarray(table.codebook_sizes)[:, None]
    for row in table:
        if row.codes.ndim != 2 or len(row.codes) != len(sizes):
            raise InputError(f"codes of {row.id!r} have shape {row.codes.shape}, expected ({len(sizes)}, frames)")
        if row.codes.size and ((row.codes < 0) | (row.codes >= sizes)).any():
            raise InputError(f"{row.id!r} holds codes outside its codebook of {table.codebook_sizes} codes")


def _code_ids(codes: np.ndarray, sizes: tuple[int, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """One id per frame from codes (codebooks, frames): the code itself, or the joint code's position among those seen."""
    if len(sizes) == 1:
        return codes[0].astype(np.int64), tuple(str(code) for code in range(sizes[0]))
    joint, ids = np.unique(codes, axis=1, return_inverse=True)
    return ids.reshape(-1).astype(np.int64), tuple(",".join(str(code) for code in column) for column in joint.T)
