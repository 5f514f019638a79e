"""The judged table: clips of a kind together, with bootstrap intervals over utterances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vqspeech.analysis.listening.judge.clips import (
    CONVERSION,
    KINDS,
    MEASURES,
    ORIGINAL,
    OTHER_CODES,
    UNCHANGED,
    ClipScores,
    Measure,
)
from vqspeech.analysis.listening.judge.text import Errors

RESAMPLES = 1000
_BY_VOICE = (CONVERSION, OTHER_CODES, UNCHANGED)
_AGAINST_ORIGINALS = ("wer", "cer")


@dataclass(frozen=True, kw_only=True)
class Row:
    """Clips of one kind.

    Parameters
    ----------
    run : name of the model; empty for originals
    kind : one of `vqspeech.analysis.listening.judge.clips.KINDS`
    voice : the target voice; None for all
    scores : scores of the clips
    """

    run: str
    kind: str
    voice: str | None
    scores: tuple[ClipScores, ...]


def group(scores: Iterable[ClipScores]) -> list[Row]:
    """Group clips by run, kind and voice: originals, the kinds of each run, unchanged sources.

    Where there are several voices, a row of all of them comes first.
    """
    scores = list(scores)
    runs = list(dict.fromkeys(one.clip.run for one in scores if one.clip.run))
    spoken = [(run, kind) for run in runs for kind in KINDS]
    rows = []
    for run, kind in [("", ORIGINAL), *spoken, ("", UNCHANGED)]:
        found = [one for one in scores if (one.clip.run, one.clip.kind) == (run, kind)]
        voices = list(dict.fromkeys(one.clip.voice for one in found))
        if not found:
            continue
        rows.append(Row(run=run, kind=kind, voice=voices[0] if len(voices) == 1 else None, scores=tuple(found)))
        if kind in _BY_VOICE and len(voices) > 1:
            rows += [
                Row(run=run, kind=kind, voice=voice, scores=tuple(s for s in found if s.clip.voice == voice))
                for voice in voices
            ]
    return rows


class Bootstrap:
    """Resamples of utterances, the same for every row and measure, so that differences are paired.

    Parameters
    ----------
    scores : all scores of the evaluation
    seed : seed of the draws
    """

    def __init__(self, scores: Iterable[ClipScores], seed: int) -> None:
        names = sorted({one.clip.utterance for one in scores})
        self._places = {name: place for place, name in enumerate(names)}
        share = np.full(len(names), 1 / max(1, len(names)))
        self._draws = np.random.default_rng(seed).multinomial(len(names), share, size=RESAMPLES)

    def value(self, scores: Sequence[ClipScores], measure: Measure) -> dict[str, Any]:
        """Return value, interval, number of clips, and the reason where there is no value."""
        total, weight, known = self._sums(scores, measure)
        if not known:
            reasons = Counter(one.reasons.get(measure.name, "not measured") for one in scores)
            return {"value": None, "ci95": None, "clips": 0, "reason": reasons.most_common(1)[0][0]}
        estimate = float(total.sum() / weight.sum())
        ci95 = self._interval(total, weight, estimate)
        reason = None
        if known < len(scores):
            missing = Counter(r for one in scores if (r := one.reasons.get(measure.name))).most_common(1)
            reason = f"{len(scores) - known} clips without: {missing[0][0] if missing else 'not measured'}"
        return {"value": estimate, "ci95": ci95, "clips": known, "reason": reason}

    def difference(
        self, scores: Sequence[ClipScores], others: Sequence[ClipScores], measure: Measure
    ) -> dict[str, Any] | None:
        """Return the difference of two rows on their common utterances, with its paired interval; None without any."""
        common = {one.clip.utterance for one in scores} & {one.clip.utterance for one in others}
        sides = [
            self._sums([one for one in side if one.clip.utterance in common], measure) for side in (scores, others)
        ]
        (total, weight, known), (other_total, other_weight, other_known) = sides
        if not known or not other_known:
            return None
        estimate = float(total.sum() / weight.sum() - other_total.sum() / other_weight.sum())
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = (self._draws @ total) / (self._draws @ weight)
            drawn -= (self._draws @ other_total) / (self._draws @ other_weight)
        return {"value": estimate, "ci95": _percentiles(drawn, estimate, int((weight > 0).sum()))}

    def _sums(self, scores: Sequence[ClipScores], measure: Measure) -> tuple[np.ndarray, np.ndarray, int]:
        """Return sums and weights of each utterance, (utterances,), and the number of clips with a value."""
        total, weight, known = np.zeros(len(self._places)), np.zeros(len(self._places)), 0
        for one in scores:
            value = one.values.get(measure.name)
            if value is None:
                continue
            place, known = self._places[one.clip.utterance], known + 1
            total[place] += value.errors if isinstance(value, Errors) else value
            weight[place] += value.total if isinstance(value, Errors) else 1
        return total, weight, known

    def _interval(self, total: np.ndarray, weight: np.ndarray, estimate: float) -> list[float] | None:
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = (self._draws @ total) / (self._draws @ weight)
        return _percentiles(drawn, estimate, int((weight > 0).sum()))


def judged_rows(scores: Sequence[ClipScores], seed: int) -> list[dict[str, Any]]:
    """Return the rows of the judged table as JSON values.

    Each has ``run``, ``kind``, ``voice``, ``clips``, ``utterances``, ``speakers``; ``measures``: name -> ``value``,
    ``ci95`` (95 % bootstrap interval over utterances, null below two), ``clips``, ``reason``; and
    ``above_originals``: the paired differences of WER and CER to the originals of the same utterances.
    """
    bootstrap = Bootstrap(scores, seed)
    originals = [one for one in scores if one.clip.kind == ORIGINAL]
    rows = []
    for row in group(scores):
        above = {
            measure.name: bootstrap.difference(row.scores, originals, measure)
            for measure in MEASURES
            if measure.name in _AGAINST_ORIGINALS and row.kind not in (ORIGINAL, UNCHANGED)
        }
        rows.append(
            {
                "run": row.run,
                "kind": row.kind,
                "voice": row.voice,
                "clips": len(row.scores),
                "utterances": len({one.clip.utterance for one in row.scores}),
                "speakers": len({one.clip.speaker for one in row.scores}),
                "measures": {measure.name: bootstrap.value(row.scores, measure) for measure in MEASURES},
                "above_originals": above,
            }
        )
    return rows


def differences(scores: Sequence[ClipScores], seed: int) -> list[dict[str, Any]]:
    """Return the paired differences of each further run to the first, for rows of all voices, as JSON values."""
    bootstrap = Bootstrap(scores, seed)
    runs = list(dict.fromkeys(one.clip.run for one in scores if one.clip.run))
    found = []
    for run in runs[1:]:
        for kind in KINDS:
            here, first = (
                [one for one in scores if (one.clip.run, one.clip.kind) == (name, kind)] for name in (run, runs[0])
            )
            if here and first:
                values = {measure.name: bootstrap.difference(here, first, measure) for measure in MEASURES}
                found.append({"run": run, "against": runs[0], "kind": kind, "measures": values})
    return found


def _percentiles(drawn: np.ndarray, estimate: float, utterances: int) -> list[float] | None:
    known = drawn[np.isfinite(drawn)]
    if utterances < 2 or not len(known):
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return [min(float(low), estimate), max(float(high), estimate)]
