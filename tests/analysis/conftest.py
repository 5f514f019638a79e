"""Small tables of codes with alignments whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.codes import CodeTable, UtteranceCodes

RATE, HOP = 8000, 200

Tone = Callable[..., np.ndarray]
MakeTable = Callable[..., tuple[CodeTable, dict[str, Alignment]]]


def _make_table(
    codes: list[list[int]], phones: list[list[str]], *, size: int = 8, speakers: list[str] | None = None
) -> tuple[CodeTable, dict[str, Alignment]]:
    """Utterances u0, u1, ... whose t-th code lies wholly inside an interval with the t-th phone."""
    rows, alignments = [], {}
    for index, (own, labels) in enumerate(zip(codes, phones, strict=True)):
        name = f"u{index}"
        rows.append(
            UtteranceCodes(
                id=name,
                speaker=speakers[index] if speakers else f"s{index}",
                split="",
                path="",
                n_samples=len(own) * HOP,
                codes=np.asarray([own], dtype=np.int64),
            )
        )
        intervals = [Interval(t * HOP / RATE, (t + 1) * HOP / RATE, label) for t, label in enumerate(labels)]
        alignments[name] = Alignment(tuple(intervals))
    return CodeTable(sample_rate=RATE, hop_samples=HOP, codebook_sizes=(size,), rows=tuple(rows)), alignments


@pytest.fixture
def make_table() -> MakeTable:
    return _make_table


def _tone(hertz: float, seconds: float = 1.0, rate: int = 16000, amplitude: float = 0.3) -> np.ndarray:
    """A buzz with ten harmonics: voiced, of known F0."""
    time = np.arange(round(seconds * rate)) / rate
    harmonics = [np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 11)]
    return (amplitude * np.sum(harmonics, axis=0) / 2).astype(np.float32)


@pytest.fixture(scope="session")
def tone() -> Tone:
    return _tone
