"""The registered analysis `triphone-abx`: the ABX task of ZeroSpeech on codes, computed by fastabx.

Its files can also be given to fastabx elsewhere, which needs Python 3.12 or newer.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech.alignment.inventories import AUTO, fold_all, label_doubts
from vqspeech.analysis.contract import AnalysisContext, AnalysisResult
from vqspeech.analysis.page import RESULT
from vqspeech.analysis.phonemes.labelled import aligned_only
from vqspeech.codes import CodeTable
from vqspeech.errors import InputError
from vqspeech.report import Section, Table
from vqspeech.units.items import Triphone, comparable, triphones, write_items
from vqspeech.units.writing import digest, write_units

ITEMS, UNITS = "triphones.item", "units.jsonl"
"""Files of the analysis in its folder."""

MISSING = "it needs fastabx and Python 3.12 or newer: pip install 'vqspeech[fastabx]'"

_SPEAKER = "speaker"
_CONTEXT = ("next-phone", "prev-phone")


def analyse(
    context: AnalysisContext, *, phones: str = AUTO, max_size_group: int = 10, max_x_across: int = 5
) -> AnalysisResult:
    """Compute the triphone ABX error of codes, compared for equality, within and across speakers; chance is 0.5.

    The folder ``context.out`` receives an item file and the units for fastabx. Without fastabx only these are written.

    Parameters
    ----------
    phones : inventory to fold phones by
    max_size_group : most tokens of A, of B and of X in a cell; 10 in ZeroSpeech 2021
    max_x_across : most speakers of X for A and B of a speaker; 5 in ZeroSpeech 2021

    Raises
    ------
    InputError : without alignments or triphones, without fastabx and a folder, and for other files of the folder
    """
    if min(max_size_group, max_x_across) < 2:
        raise InputError(f"max_size_group = {max_size_group} and max_x_across = {max_x_across}; at least 2 of each")
    fastabx = _fastabx()
    if fastabx is None and context.out is None:
        raise InputError(f"triphone-abx cannot be computed: {MISSING}; or give --out DIR, for files to compute it from")
    folded, _, _ = fold_all(aligned_only(context), phones)
    items = triphones(context.table, folded)
    if not items:
        raise InputError("the alignments hold no triphone: three phones without a gap or silence, at least a code long")
    errors: dict[str, float | None] = {"within": None, "across": None}
    frequency = frequency_of(context.table)
    with ExitStack() as stack:
        folder = context.out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vqspeech-abx-")))
        files = _write(context.table, items, folder)
        if fastabx is not None:
            data = fastabx.Dataset.from_item_and_units(folder / ITEMS, folder / UNITS, frequency)
            for side in errors:
                if comparable(items, across=side == "across"):
                    sizes = (max_size_group, max_x_across if side == "across" else None)
                    errors[side] = _error(fastabx, data, side, fastabx.Subsampler(*sizes, seed=context.seed))
    reason = MISSING if fastabx is None else None
    summary = {"errors": errors, "reason": reason, "triphones": len(items), "labels_from": context.labels_from}
    return AnalysisResult(
        summary=summary | {"frequency": frequency} | ({} if context.out is None else {"files": files}),
        scores=errors,
        text=_text(errors, len(items), context.labels_from),
        sections=(_section(errors, len(items)),),
        notes=(*label_doubts(context.alignments, phones), *_notes(errors, reason)),
    )


def frequency_of(table: CodeTable) -> int | str:
    """Return the codes per second as fastabx takes them: a whole number, or a decimal number as text."""
    rate = Fraction(table.sample_rate, table.hop_samples)
    return rate.numerator if rate.denominator == 1 else str(Decimal(rate.numerator) / Decimal(rate.denominator))


def one_number(table: CodeTable) -> CodeTable:
    """Return the table with one number for the codes of all codebooks at a time; equal codes have equal numbers."""
    if len(table.codebook_sizes) == 1:
        return table
    joint, numbers = np.unique(np.concatenate([row.codes for row in table], axis=1), axis=1, return_inverse=True)
    ends = np.cumsum([row.codes.shape[1] for row in table])
    each = np.split(numbers.reshape(1, -1), ends[:-1], axis=1)
    rows = tuple(replace(row, codes=codes) for row, codes in zip(table, each, strict=True))
    return replace(table, codebook_sizes=(joint.shape[1],), rows=rows)


def _write(table: CodeTable, items: list[Triphone], folder: Path) -> dict[str, str]:
    """Write both files; return name -> SHA-256. Those of an earlier analysis are replaced."""
    earlier = _earlier(folder / RESULT)
    named = {item.file for item in items}
    used = replace(table, rows=tuple(row for row in table if row.id in named))
    write_units(one_number(used), folder / UNITS, earlier)
    write_items(items, folder / ITEMS, earlier)
    return {name: digest(folder / name) for name in (ITEMS, UNITS)}


def _earlier(result: Path) -> set[str]:
    """Return the SHA-256 of files that an earlier analysis lists in its result."""
    try:
        files = json.loads(result.read_text(encoding="utf-8"))["files"]
        return {str(value) for value in files.values()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return set()


def _fastabx() -> Any:
    try:
        import fastabx
    except ImportError:
        return None
    return fastabx


def _error(fastabx: Any, data: Any, side: str, subsampler: Any) -> float:
    """Return the error of ZeroSpeech's task: the mean over contexts, then over speakers, then over pairs of phones."""
    task = fastabx.Task(
        data,
        on="#phone",
        by=[*_CONTEXT] if side == "across" else [*_CONTEXT, _SPEAKER],
        across=[_SPEAKER] if side == "across" else None,
        subsampler=subsampler,
    )
    return float(fastabx.Score(task, "identical").collapse(levels=[_CONTEXT, _SPEAKER]))


def _text(errors: dict[str, float | None], count: int, labels_from: str) -> str:
    shares = ", ".join(f"{side} {'-' if error is None else f'{error:.1%}'}" for side, error in errors.items())
    origin = f", phones from {labels_from}" if labels_from else ""
    return f"triphone ABX error, chance 50 %: {shares}; {count} triphones{origin}"


def _section(errors: dict[str, float | None], count: int) -> Section:
    table = Table(
        columns=("", "within speaker", "across speakers"),
        rows=(("codes, equal or not", errors["within"], errors["across"]),),
        caption=f"Triphone ABX error by fastabx, chance 0.5; {count} triphones",
    )
    return Section(title="Triphone ABX", tables=(table,))


def _notes(errors: dict[str, float | None], reason: str | None) -> list[str]:
    if reason is not None:
        return [f"the errors are not computed, but {ITEMS} and {UNITS} are written: {reason}"]
    return [f"no triphones can be compared {side} speakers" for side, error in errors.items() if error is None]
