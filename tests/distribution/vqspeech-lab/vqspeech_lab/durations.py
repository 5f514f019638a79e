"""The analysis `lab-durations`: how many frames a code lasts before another one follows."""

from __future__ import annotations

import numpy as np

from vqspeech.analysis.contract import AnalysisResult
from vqspeech.errors import ConfigError, InputError
from vqspeech.report import Section, Table


def analyse(context, *, longest: int = 5, codebook: int = 0):
    """Count runs of equal codes.

    Parameters
    ----------
    context : see `vqspeech.analysis.contract.AnalysisContext`
    longest : rows of the table; runs of at least so many frames share the last one
    codebook : which
    """
    if longest < 1:
        raise ConfigError(f"longest = {longest}; at least 1")
    if not 0 <= codebook < len(context.table.codebook_sizes):
        raise InputError(f"codebook = {codebook}; the codes have {len(context.table.codebook_sizes)}")
    runs = np.concatenate([_runs(row.codes[codebook].ravel()) for row in context.table])
    shares = [float((runs == length).mean()) for length in range(1, longest)] + [float((runs >= longest).mean())]
    names = [str(length) for length in range(1, longest)] + [f"{longest} and more"]
    table = Table(columns=("frames", "part of all runs"), rows=tuple(zip(names, shares, strict=True)))
    return AnalysisResult(
        summary={"mean_frames": float(runs.mean()), "runs": len(runs), "parts": shares},
        sections=(Section(title="How long codes last", tables=(table,)),),
    )


def _runs(codes):
    """Lengths of the runs of equal codes (frames,)."""
    changes = np.flatnonzero(np.diff(codes)) + 1
    return np.diff([0, *changes, len(codes)])
