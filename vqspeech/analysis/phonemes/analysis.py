"""The registered analysis `phonemes`: scores, figures and a section of the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.inventories import AUTO, fold_all, label_doubts
from vqspeech.analysis import latents
from vqspeech.analysis.contract import AnalysisContext, AnalysisResult
from vqspeech.analysis.figures import charts, spectrograms, style
from vqspeech.analysis.phonemes import figures, table, training_audio
from vqspeech.analysis.phonemes.baselines import RANDOM
from vqspeech.analysis.phonemes.frames import LabelBy
from vqspeech.analysis.phonemes.labelled import aligned_only, speech_codec
from vqspeech.analysis.phonemes.score import score
from vqspeech.analysis.phonemes.scores import PhonemeScores
from vqspeech.analysis.phonemes.section import section
from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ADVANTAGE = (
    "The audio that the model was trained on is not available: k-means is fitted on the scored audio only, "
    "which gives it an advantage."
)
UNFAIR = f"{ADVANTAGE} Give --set train_data=DIR for the fair baseline."


def analyse(
    context: AnalysisContext,
    *,
    phones: str = AUTO,
    labels_by: LabelBy = "centre",
    include_silence: bool = False,
    train_data: Path | None = None,
) -> AnalysisResult:
    """Compare codes with phones; with ``context.out``, write every figure as PNG and SVG.

    Parameters
    ----------
    phones : inventory to fold phones by, see `vqspeech.alignment.inventories.fold_all`
    labels_by : the phone at the centre of a code, or the one that covers most of it
    include_silence : score silent frames too
    train_data : folder of the corpus that the model was trained on, for a run without its prepared data

    Returns
    -------
    `PhonemeScores.summary`, the report's section, and the main scores

    Raises
    ------
    InputError : when no utterance has an alignment, or as in `vqspeech.analysis.phonemes.score.score`
    """
    alignments = aligned_only(context)
    codec, trained_on = speech_codec(context), context.trained_on
    if trained_on is None and train_data is not None:
        if codec is None:
            raise InputError("train_data is for models of speech; these codes come without one")
        trained_on = training_audio.of_run(codec, context.seed, train_data)
    scores = score(
        context.table,
        alignments,
        context.waveform_of,
        seed=context.seed,
        exclude_silence=not include_silence,
        by=labels_by,
        inventory=phones,
        model=codec,
        trained_on=trained_on,
    )
    if context.out is not None:
        folded = fold_all(alignments, scores.labelling.inventory)[0]
        for name, figure in draw(scores, context, folded).items():
            style.save_both(figure, context.out, name)
    summary = scores.summary() | {"labels_from": context.labels_from, "learned_from_phones": _learned(codec)}
    return AnalysisResult(
        summary=summary,
        sections=(section(summary, context.out),),
        scores=table.main_scores(summary),
        text="\n".join(table.table(summary)),
        notes=(
            *label_doubts(alignments, phones),
            *(() if trained_on is not None else (ADVANTAGE if codec is None else UNFAIR,)),
        ),
    )


def _learned(codec: SpeechCodec | None) -> bool | None:
    """Return whether the codes learned from phone labels; None when that is unknown."""
    if codec is None:
        return None
    if codec.config.phones.weight > 0:
        return True
    run = codec.facts.get("run") or {}
    # Codes of another model may have, and labels are not made for nothing.
    unknown = run.get("model", {}).get("codes_from") or run.get("corpus", {}).get("aligner")
    return None if unknown else False


def draw(scores: PhonemeScores, context: AnalysisContext, alignments: Mapping[str, Alignment]) -> dict[str, Figure]:
    """Draw every figure; return them by file name.

    Parameters
    ----------
    scores : scores of the context's table
    context : context of the analysis
    alignments : its alignments with folded labels
    """
    table, code_map = context.table, scores.map
    hop_s = table.hop_samples / table.sample_rate
    rows = [row for row in table if row.id in alignments]
    totals = dict(zip(code_map.phone_names, code_map.counts.sum(axis=0).tolist(), strict=True))
    bars = [
        (name, scores.baselines.random_codes if name == RANDOM else unit.accuracy)
        for name, unit in scores.units.items()
    ]
    bars.append(("most frequent phone", scores.baselines.prior))
    middle = sorted(rows, key=lambda row: row.n_samples)[len(rows) // 2]
    drawn = {
        "accuracy": charts.accuracy_bars(bars, interval=scores.ci95),
        "code-phone-matrix": figures.code_phone_matrix(code_map.counts, code_map.phone_names),
        "confusion": figures.confusion_matrix(code_map.confusion, code_map.phone_names),
        "recall": figures.recall_bars(code_map.per_phone, totals),
        "durations": figures.durations(
            figures.run_lengths((row.codes for row in rows), hop_s),
            figures.phone_lengths(alignments[row.id] for row in rows),
            hop_s,
        ),
        "codes-and-phones": spectrograms.codes_and_phones(
            context.waveform_of(middle.id),
            table.sample_rate,
            middle.codes[0],
            table.hop_samples,
            alignment=alignments[middle.id],
            title=middle.id,
        ),
    }
    codec = speech_codec(context)
    if codec is not None:
        drawn["codebook"] = figures.codebook_projection(
            latents.code_vectors(codec, code_map.code_names), code_map.counts, code_map.phone_names
        )
    return drawn
