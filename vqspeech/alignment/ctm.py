"""CTM files (NIST, Kaldi): phones with start and duration in seconds.

A line holds ``utterance channel start duration label [confidence]``.


A file holds one or many utterances.
"""

from __future__ import annotations

from pathlib import Path

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.intervals import read_text, silence_folded, to_alignment
from vqspeech.errors import InputError, unknown_name


def read_ctm(path: Path, *, utterance: str | None = None) -> Alignment:
    """Read the alignment of one utterance from a CTM file.

    Parameters
    ----------
    path : the file
    utterance : its name; by default the one that the file is named after, or the only one

    Raises
    ------
    InputError : an unreadable file, a malformed line, impossible times, or several utterances and no choice
    UnknownNameError : an utterance that is not in the file
    """
    alignments = read_ctm_utterances(path)
    if utterance is not None:
        if utterance not in alignments:
            raise unknown_name("utterance", utterance, alignments, f"{path} holds these.")
        return alignments[utterance]
    if len(alignments) > 1 and path.stem not in alignments:
        raise InputError(
            f"{path}: holds {len(alignments)} utterances, none named {path.stem!r}; write one file per utterance, "
            "with its name, or use `vqspeech analyze phonemes --alignments FILE` for all of them"
        )
    return alignments.get(path.stem) or next(iter(alignments.values()))


def read_ctm_utterances(path: Path) -> dict[str, Alignment]:
    """Read every utterance of a CTM file, in file order; lines that start with ``;;`` are comments.

    Position markers of Kaldi's phones (``AH0_B``, ``T_E``) are removed.

    Raises
    ------
    InputError : an unreadable or empty file, a malformed line, or impossible times
    """
    rows: dict[str, list[tuple[float, float, str]]] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith(";;"):
            continue
        fields = line.split()
        try:
            start_s, duration_s, label = float(fields[2]), float(fields[3]), fields[4]
        except (ValueError, IndexError):
            raise InputError(
                f"{path}, line {number}: {line[:60]!r} is not 'utterance channel start duration label'"
            ) from None
        if label[-2:] in ("_B", "_I", "_E", "_S"):
            label = label[:-2]
        rows.setdefault(fields[0], []).append((start_s, start_s + duration_s, silence_folded(label)))
    if not rows:
        raise InputError(f"{path}: holds no intervals")
    return {name: to_alignment(own, path) for name, own in rows.items()}
