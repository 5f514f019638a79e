"""Facts for results and pages: the corpus, package versions, the last validation."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from vqspeech.analysis import codebook
from vqspeech.codes import CodeTable
from vqspeech.corpora.store import AudioStore
from vqspeech.experiments.engine import Result, say
from vqspeech.training.metrics import read_metrics

SHOWN = 5
"""Skipped files that are named to the user."""


def speech_corpus(store: AudioStore) -> Result:
    """Return the description of a corpus of speech for results."""
    corpus = store.corpus
    return {
        "name": corpus.name,
        "variant": corpus.variant,
        "synthetic": corpus.synthetic,
        "utterances": len(store.rows),
        "speakers": len(store.speakers),
        "minutes": store.duration_s / 60,
        "skipped": len(corpus.skipped),
        "fingerprint": store.fingerprint,
    }


def describe(corpus: Mapping[str, Any]) -> str:
    """Describe what `speech_corpus` returned in one line."""
    return (
        f"{corpus['variant']}, {corpus['utterances']} utterances of {corpus['speakers']} speakers, "
        f"{corpus['minutes']:.1f} min"
    )


def codebook_use(table: CodeTable) -> Result:
    """Return rates and use of a table of codes: what a stage that encodes returns."""
    use = codebook.usage(table)
    books = [
        {
            "size": book.size,
            "codes_used": book.codes_used,
            "perplexity": book.perplexity,
            "normalised_entropy": book.normalised_entropy,
            "counts": list(book.counts),
        }
        for book in use.codebooks
    ]
    return {
        "frame_rate_hz": use.frame_rate_hz,
        "bits_per_second": use.bits_per_second,
        "entropy_bits_per_second": use.entropy_bits_per_second,
        "codebooks": books,
    }


def say_skipped(skipped: Mapping[Any, str]) -> None:
    """Tell the user which files of a corpus were skipped, and why."""
    for path, reason in list(skipped.items())[:SHOWN]:
        say(f"skipped {path}: {reason}")
    if len(skipped) > SHOWN:
        say(f"skipped {len(skipped)} files in all")


def versions(*distributions: str) -> dict[str, str]:
    """Return the versions of installed distributions, and of Python."""
    return {name: version(name) for name in distributions} | {"python": python_version()}


def last_row(metrics: Path, split: str) -> Result:
    """Return the last row of a split in a ``metrics.jsonl``, an empty one when there is none."""
    return next((row for row in reversed(read_metrics(metrics)) if row["split"] == split), {})
