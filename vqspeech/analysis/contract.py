"""The contract of analyses: their context and their result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech.alignment.base import Alignment
from vqspeech.codes import CodeTable
from vqspeech.errors import InputError
from vqspeech.report import Section


def no_waveforms(name: str) -> np.ndarray:
    """Raise InputError: the codes were not made from audio."""
    raise InputError(f"there is no waveform of {name!r}: its codes were not made from audio")


@dataclass(frozen=True, kw_only=True, eq=False)
class AnalysisContext:
    """Everything that an analysis may use.

    Parameters
    ----------
    table : the codes
    codec : the loaded model of the codes, or None
    alignments : utterance id -> phone alignment, for utterances that have one
    labels_from : where the alignments are from, in words; a score depends on it. Empty when that is unknown
    waveform_of : utterance id -> waveform (time,) float32 at ``table.sample_rate``; raises InputError for other media
    trained_on : waveforms (time,) of the training data, in random order; None if unavailable
    out : existing folder for figures and other files, or None
    seed : seed of all random numbers
    """

    table: CodeTable
    codec: Any = None
    alignments: Mapping[str, Alignment] = field(default_factory=dict)
    labels_from: str = ""
    waveform_of: Callable[[str], np.ndarray] = no_waveforms
    trained_on: Iterable[np.ndarray] | None = None
    out: Path | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class AnalysisResult:
    """What an analysis returns.

    Parameters
    ----------
    summary : names -> JSON values; NumPy scalars and arrays and dataclasses are converted, numbers that are not finite
        become null
    sections : sections of the report, made of `vqspeech.report` elements; their pictures may be figures, or files below
        ``context.out``
    scores : main numbers, by which several runs are compared; every number in `summary` when None
    text : text for the terminal; the summary when empty
    notes : sentences about the conditions of the result, shown with it
    """

    summary: Mapping[str, Any]
    sections: tuple[Section, ...] = ()
    scores: Mapping[str, float | None] | None = None
    text: str = ""
    notes: tuple[str, ...] = ()
