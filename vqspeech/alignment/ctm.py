"""CTM files (NIST, Kaldi): phones with start and duration in seconds.

A line holds ``utterance channel start duration label [confidence]``.


A file holds one or many utterances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from vqspeech.alignment.base import Alignment, silence_folded
from vqspeech.alignment.decorations import without_position
from vqspeech.alignment.intervals import fields_of, number_of, to_alignment
from vqspeech.errors import InputError, unknown_name

_COARSEST_S = 0.01


@dataclass(kw_only=True)
class _Entry:
    """The lines of one utterance."""

    rows: list[tuple[float, float, str]] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    decimals: int = 0
    fault: str = ""


def read_ctm(path: Path, *, utterance: str | None = None) -> Alignment:
    """Read the alignment of one utterance from a CTM file.

    Parameters
    ----------
    path : the file
    utterance : its name; by default the one that the file is named after, or the only one

    Raises
    ------
    InputError : an unreadable file, a malformed line, impossible times, both channels of a recording, or several
        utterances and no choice
    UnknownNameError : an utterance that is not in the file
    """
    refused: dict[str, str] = {}
    alignments = read_ctm_utterances(path, refused)
    names = [*alignments, *refused]
    if utterance is not None and utterance not in names:
        raise unknown_name("utterance", utterance, names, f"{path} holds these.")
    if utterance is None:
        if len(names) > 1 and path.stem not in names:
            raise InputError(
                f"{path}: holds {len(names)} utterances, none named {path.stem!r}; write one file per utterance, "
                "with its name, or use `vqspeech analyze phonemes --alignments FILE` for all of them"
            )
        utterance = path.stem if path.stem in names else names[0]
    if utterance in refused:
        raise InputError(f"{path}, utterance {utterance!r}: {refused[utterance]}")
    return alignments[utterance]


def read_ctm_utterances(path: Path, refused: dict[str, str] | None = None) -> dict[str, Alignment]:
    """Read every utterance of a CTM file, in file order; lines that start with ``;;`` are comments.

    Position markers of Kaldi's phones (``AH0_B``, ``T_E``) are removed. Neighbours that overlap, or leave a gap, of one
    unit in the last decimal place of the times (at most 10 ms) meet at the start of the second: starts and durations
    are rounded each on its own.

    Parameters
    ----------
    path : the file
    refused : takes the utterances that cannot be used, each with the reason; without it the first one is an error

    Raises
    ------
    InputError : an unreadable or empty file, or no usable utterance; without `refused` also a malformed line,
        impossible times, or an utterance with phones on several channels
    """
    entries: dict[str, _Entry] = {}
    for number, fields in fields_of(path):
        if fields[0].startswith(";;"):
            continue
        entry = entries.setdefault(fields[0], _Entry())
        try:
            channel, times, label = fields[1], fields[2:4], fields[4]
            start_s, duration_s = (number_of(time) for time in times)
        except (ValueError, IndexError):
            shown = " ".join(fields)[:60]
            entry.fault = entry.fault or f"line {number}: {shown!r} is not 'utterance channel start duration label'"
            continue
        entry.rows.append((start_s, start_s + duration_s, silence_folded(without_position(label))))
        entry.decimals = max(entry.decimals, *(len(time.partition(".")[2]) for time in times))
        if channel not in entry.channels:
            entry.channels.append(channel)
    if not entries:
        raise InputError(f"{path}: holds no intervals")
    alignments: dict[str, Alignment] = {}
    faults: dict[str, str] = {}
    for name, entry in entries.items():
        where = f"{path}, utterance {name!r}"
        try:
            if entry.fault:
                raise InputError(f"{where}: {entry.fault}")
            if len(entry.channels) > 1:
                raise InputError(
                    f"{where}: holds phones of the channels {' and '.join(entry.channels)}; keep one, or give each "
                    "channel and its recording a name of its own"
                )
            alignments[name] = to_alignment(_meeting(sorted(entry.rows), 10.0**-entry.decimals), where)
        except InputError as error:
            if refused is None:
                raise
            faults[name] = str(error).removeprefix(f"{where}: ")
    if not alignments:
        name, fault = next(iter(faults.items()))
        more = f"; the file's {len(faults) - 1} other utterances cannot be used either" if len(faults) > 1 else ""
        raise InputError(f"{path}, utterance {name!r}: {fault}{more}")
    if refused is not None:
        refused |= faults
    return alignments


def _meeting(rows: Sequence[tuple[float, float, str]], unit_s: float) -> list[tuple[float, float, str]]:
    """Let neighbours meet that are apart, or overlap, by no more than one unit of rounding."""
    within_s = min(unit_s, _COARSEST_S) * 1.001
    ends = [other[0] if abs(one[1] - other[0]) <= within_s else one[1] for one, other in pairwise(rows)]
    return [(start_s, end_s, label) for (start_s, _, label), end_s in zip(rows, [*ends, rows[-1][1]], strict=True)]
