"""The registered analysis `phonemes`: scores of codes against phones, and their figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.inventories import fold_all
from vqspeech.analysis import latents
from vqspeech.analysis.figures import charts, spectrograms, style
from vqspeech.analysis.phonemes import figures
from vqspeech.analysis.phonemes.baselines import RANDOM
from vqspeech.analysis.phonemes.score import PhonemeScores, score
from vqspeech.codes import CodeTable
from vqspeech.errors import InputError
from vqspeech.model import Checkpoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_ALIGNMENTS = (
    "no utterance of this corpus has a phone alignment. Align it with the Montreal Forced Aligner and give its TextGrids with --alignments DIR, put "
    ".TextGrid, .phn, .lab or .ctm files beside the audio and read it as `folder`, or see docs/alignments.md for other ways"
)


def analyse(
    table: CodeTable,
    alignments: Mapping[str, Alignment],
    waveform_of: Callable[[str], np.ndarray],
    *,
    out: Path | None = None,
    seed: int = 0,
    **options: Any,
) -> dict[str, object]:
    """The registered analysis ``phonemes``: `PhonemeScores.summary`, and with `out` its figures.

    Parameters
    ----------
    options : further keywords of `score`

    Raises
    ------
    InputError : when no utterance has an alignment, or as in `score`
    """
    if not alignments:
        raise InputError(NO_ALIGNMENTS)
    scores = score(table, alignments, waveform_of, seed=seed, **options)
    if out is not None:
        write(scores, table, fold_all(alignments, scores.inventory)[0], waveform_of, out, options.get("model"))
    return scores.summary()


def drawn(
    scores: PhonemeScores,
    table: CodeTable,
    alignments: Mapping[str, Alignment],
    waveform_of: Callable[[str], np.ndarray],
    model: Checkpoint | None,
) -> dict[str, Figure]:
    """Every figure of an analysis by its file name.

    Parameters
    ----------
    scores : of the table
    table, alignments, waveform_of, model : as `vqspeech.analysis.phonemes.score.score` was given them, with the labels folded
    """
    hop_s = table.hop_samples / table.sample_rate
    rows = [row for row in table if row.id in alignments]
    totals = dict(zip(scores.phone_names, scores.counts.sum(axis=0).tolist(), strict=True))
    bars = [(name, scores.random_codes if name == RANDOM else unit.accuracy) for name, unit in scores.units.items()]
    bars.append(("most frequent phone", scores.prior))
    middle = sorted(rows, key=lambda row: row.n_samples)[len(rows) // 2]
    found = {
        "accuracy": charts.accuracy_bars(bars, interval=scores.ci95),
        "code-phone-matrix": figures.code_phone_matrix(scores.counts, scores.phone_names),
        "confusion": figures.confusion_matrix(scores.confusion, scores.phone_names),
        "recall": figures.recall_bars(scores.per_phone, totals),
        "durations": figures.durations(
            figures.run_lengths((row.codes for row in rows), hop_s),
            figures.phone_lengths(alignments[row.id] for row in rows),
            hop_s,
        ),
        "codes-and-phones": spectrograms.codes_and_phones(
            waveform_of(middle.id),
            table.sample_rate,
            middle.codes[0],
            table.hop_samples,
            alignment=alignments[middle.id],
            title=middle.id,
        ),
    }
    if model is not None:
        found["codebook"] = figures.codebook_projection(
            latents.code_vectors(model, scores.code_names), scores.counts, scores.phone_names
        )
    return found


def write(
    scores: PhonemeScores,
    table: CodeTable,
    alignments: Mapping[str, Alignment],
    waveform_of: Callable[[str], np.ndarray],
    out: Path,
    model: Checkpoint | None = None,
) -> list[Path]:
    """Write every figure of `drawn` as PNG and SVG to a folder; returns the files."""
    found = drawn(scores, table, alignments, waveform_of, model)
    return [path for name, figure in found.items() for path in style.save_both(figure, out, name)]
