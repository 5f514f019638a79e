"""Codebook use and bit rates of codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vqspeech.analysis.contract import AnalysisContext, AnalysisResult
from vqspeech.codes import CodeTable
from vqspeech.errors import InputError
from vqspeech.report import Picture, Section, Table


@dataclass(frozen=True, kw_only=True)
class CodebookUse:
    """Use of one codebook over a table.

    Parameters
    ----------
    size : number of codes K
    codes_used : codes that occur at least once
    perplexity : ``2 ** H`` with H the entropy of the codes in bits: the number of equally likely codes with the same
        entropy
    normalised_entropy : ``H / log2(K)``, 1 for a uniform use and 0 for one code
    bits_per_second : nominal rate, ``frame_rate * log2(K)``
    entropy_bits_per_second : ``frame_rate * H``, what an ideal memoryless entropy coder would need
    counts : occurrences of each code, (K,)
    """

    size: int
    codes_used: int
    perplexity: float
    normalised_entropy: float
    bits_per_second: float
    entropy_bits_per_second: float
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TableUse:
    """Use of all codebooks of a table; the rates are sums over the codebooks.

    Parameters
    ----------
    utterances, frames : size of the table (frames per codebook)
    frame_rate_hz : codes per second and codebook
    """

    utterances: int
    frames: int
    frame_rate_hz: float
    bits_per_second: float
    entropy_bits_per_second: float
    codebooks: tuple[CodebookUse, ...]


def usage_of_counts(counts: np.ndarray, frame_rate_hz: float) -> CodebookUse:
    """Compute the use of one codebook from the occurrences of its codes.

    Parameters
    ----------
    counts : (K,) non-negative whole numbers with a sum above zero
    frame_rate_hz : codes per second
    """
    share = counts[counts > 0] / counts.sum()
    entropy_bits = max(0.0, float(-(share * np.log2(share)).sum()))
    nominal_bits = float(np.log2(len(counts)))
    return CodebookUse(
        size=len(counts),
        codes_used=len(share),
        perplexity=float(2.0**entropy_bits),
        normalised_entropy=min(1.0, entropy_bits / nominal_bits) if nominal_bits else 0.0,
        bits_per_second=frame_rate_hz * nominal_bits,
        entropy_bits_per_second=frame_rate_hz * entropy_bits,
        counts=tuple(int(count) for count in counts),
    )


def adaptive_bits(sequences: Sequence[np.ndarray], n_codes: int, *, order: int) -> float:
    """Compute the bits of code sequences under an adaptive coder, without a trained model.

    The Krichevsky-Trofimov estimator (IEEE Trans. Inf. Theory 27(2), 1981): after n codes of which n_k are k, the next
    is k with probability (n_k + 1/2) / (n + K/2). With `order` 1 there is one such estimator for each preceding code.
    In closed form by the Gamma function; it does not depend on the order of the sequences.

    Parameters
    ----------
    sequences : code ids (frames,) int64 in ``[0, n_codes)`` of each utterance
    order : 0, or 1: codes are conditioned on the previous one, the first of an utterance on a boundary symbol
    """
    from scipy.special import gammaln

    before = [np.r_[n_codes, codes[:-1]][: len(codes)] if order else np.zeros_like(codes) for codes in sequences]
    pairs, counts = np.unique(np.concatenate(before) * n_codes + np.concatenate(list(sequences)), return_counts=True)
    of_context = np.bincount(pairs // n_codes, weights=counts)
    of_context = of_context[of_context > 0]
    nats = (gammaln(of_context + n_codes / 2) - gammaln(n_codes / 2)).sum()
    nats -= (gammaln(counts + 0.5) - gammaln(0.5)).sum()
    return float(nats / np.log(2))


def usage(table: CodeTable) -> TableUse:
    """Compute the use of every codebook over all rows of a table.

    Raises
    ------
    InputError : when the table holds no codes, or codes outside their codebook
    """
    frames = sum(row.codes[0].size for row in table)
    if not frames:
        raise InputError("the table holds no codes; encode at least one utterance longer than one hop")
    books = []
    for book, size in enumerate(table.codebook_sizes):
        codes = np.concatenate([row.codes[book].ravel() for row in table])
        if codes.min() < 0 or codes.max() >= size:
            raise InputError(
                f"codebook {book} has {size} codes, but the table holds codes {codes.min()} to {codes.max()}"
            )
        books.append(usage_of_counts(np.bincount(codes, minlength=size), table.frame_rate_hz))
    return TableUse(
        utterances=len(table),
        frames=frames,
        frame_rate_hz=table.frame_rate_hz,
        bits_per_second=sum(book.bits_per_second for book in books),
        entropy_bits_per_second=sum(book.entropy_bits_per_second for book in books),
        codebooks=tuple(books),
    )


def analyse(context: AnalysisContext, *, split: str = "") -> AnalysisResult:
    """Analyse the use of each codebook, and the cost of the codes; for codes of any medium.

    Parameters
    ----------
    split : use only rows of this split, for example ``"test"``; all when empty

    Raises
    ------
    InputError : for a split without rows, and as in `usage`
    """
    from vqspeech.analysis.figures.charts import codebook_usage

    rows = tuple(row for row in context.table if not split or row.split == split)
    if not rows:
        known = ", ".join(sorted({row.split for row in context.table if row.split})) or "none"
        raise InputError(f"split = {split!r} has no rows; splits of these codes: {known}")
    use = usage(replace(context.table, rows=rows))
    columns = ("size", "codes_used", "perplexity", "normalised_entropy")
    books = [{name: getattr(book, name) for name in columns} for book in use.codebooks]
    table = Table(
        columns=("codebook", "codes", "used", "perplexity", "entropy / maximum"),
        rows=tuple((str(number), *book.values()) for number, book in enumerate(books)),
        caption=f"{use.frames} codes of {use.utterances} items",
    )
    pictures = tuple(
        Picture(
            source=codebook_usage(book.counts, title=f"Codebook {number}"),
            caption=f"share of each code of codebook {number}, the most frequent first",
            alt="bar chart of code frequencies",
        )
        for number, book in enumerate(use.codebooks)
    )
    rates = {name: getattr(use, name) for name in ("bits_per_second", "entropy_bits_per_second")}
    summary: dict[str, Any] = {
        "items": use.utterances,
        "codes": use.frames,
        "frame_rate_hz": use.frame_rate_hz,
        **rates,
    }
    summary |= {"codebooks": [{**book, "counts": own.counts} for book, own in zip(books, use.codebooks, strict=True)]}
    scores = {f"{name}, codebook {n}": float(book[name]) for n, book in enumerate(books) for name in columns[1:]}
    return AnalysisResult(
        summary=summary,
        scores=scores | rates,
        sections=(Section(title="Codebook use", tables=(table,), figures=pictures),),
    )
