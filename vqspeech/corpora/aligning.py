"""Make alignments of recordings and texts by a registered aligner, in one process per core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from vqspeech.alignment.base import Alignment
from vqspeech.corpora.alignments import FoundAlignments
from vqspeech.corpora.base import Corpus, Utterance
from vqspeech.corpora.workers import over_processes
from vqspeech.errors import InputError, PluginError
from vqspeech.registry import contracts, lookup
from vqspeech.registry.specs import AlignerSpec

SHARE = 16
"""Utterances that a process aligns at a time."""


def make(
    aligner: str,
    utterances: Iterable[Utterance],
    progress: Callable[[int], None] | None = None,
    options: Mapping[str, Any] | None = None,
) -> FoundAlignments:
    """Align utterances with their transcripts by a registered aligner.

    Utterances without text and those that the aligner refuses are listed in ``skipped``.

    Parameters
    ----------
    progress : called with the number of utterances done
    options : of the aligner

    Raises
    ------
    UnknownNameError : an unknown aligner
    """
    entry = lookup.find(AlignerSpec, aligner)
    alignments: dict[str, Alignment] = {}
    skipped: dict[str, str] = {}
    for number, utterance in enumerate(utterances, start=1):
        if not utterance.text:
            skipped[utterance.id] = "has no text"
            continue
        try:
            alignments[utterance.id] = contracts.call(entry, utterance.path, options=options, text=utterance.text)
        except PluginError:
            raise
        except InputError as error:
            skipped[utterance.id] = str(error)
        if progress is not None:
            progress(number)
    return FoundAlignments(alignments=alignments, skipped=skipped)


def in_processes(
    aligner: str,
    utterances: Sequence[Utterance],
    *,
    workers: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Iterator[FoundAlignments]:
    """Yield what `make` returns for `SHARE` utterances after the other; processes work on several shares at a time.

    Parameters
    ----------
    workers : number of processes; by default one per core, for one share none but this

    Raises
    ------
    VQSpeechError : when a process ends by itself
    """
    processes = max(1, min(workers or os.cpu_count() or 1, -(-len(utterances) // SHARE)))
    shares = [utterances[first : first + SHARE] for first in range(0, len(utterances), SHARE)]
    work = partial(make, aligner, options=options)
    yield from over_processes(work, shares, processes, what="a process of the aligner")


def make_all(
    aligner: str, utterances: Sequence[Utterance], progress: Callable[[int, int], None] | None = None
) -> FoundAlignments:
    """Return what `make` returns, made by one process per core; `progress` is called with (done, utterances)."""
    alignments: dict[str, Alignment] = {}
    skipped: dict[str, str] = {}
    for found in in_processes(aligner, utterances):
        alignments |= found.alignments
        skipped |= found.skipped
        if progress is not None:
            progress(len(alignments) + len(skipped), len(utterances))
    return FoundAlignments(alignments=alignments, skipped=skipped)


def aligned(
    corpus: Corpus,
    aligner: str,
    known: Mapping[str, Alignment] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Align the utterances of a corpus that have a text and no alignment, in one process per core.

    Utterances that the aligner refuses stay without alignment; a note counts them.

    Parameters
    ----------
    corpus : the corpus
    aligner : name of a registered aligner
    known : utterance id -> alignment that it made before
    progress : called with (utterances done, utterances)

    Raises
    ------
    UnknownNameError : an unknown aligner
    PluginError, VQSpeechError : an aligner that fails, or is not installed
    """
    lookup.find(AlignerSpec, aligner)
    without = [utterance for utterance in corpus.utterances if utterance.alignment is None and utterance.text]
    if not without:
        return corpus
    made = {utterance.id: known[utterance.id] for utterance in without if known and utterance.id in known}
    found = make_all(aligner, [utterance for utterance in without if utterance.id not in made], progress)
    made |= found.alignments
    utterances = [
        replace(utterance, alignment=made.get(utterance.id, utterance.alignment)) for utterance in corpus.utterances
    ]
    note = f"{len(made)} utterances were aligned by {aligner}; {len(found.skipped)} could not be."
    return replace(corpus.subset(utterances), notes=(*corpus.notes, note))
