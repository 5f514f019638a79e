"""Units of other models in `vqspeech analyze`: read, matched with the corpus, and put in the context of an analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqspeech.errors import InputError

if TYPE_CHECKING:
    from vqspeech.alignment.base import Alignment
    from vqspeech.analysis.contract import AnalysisContext
    from vqspeech.codes import CodeTable
    from vqspeech.corpora.base import Corpus
    from vqspeech.units.sequences import UnitFile


@dataclass(frozen=True, kw_only=True)
class GivenUnits:
    """A file of units and the rate that the command line states, if any."""

    file: UnitFile
    rate_hz: Fraction | None

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path


@dataclass(frozen=True, kw_only=True)
class CorpusUnits:
    """Units of utterances of a corpus, with its alignments and notes on what is used."""

    table: CodeTable
    alignments: Mapping[str, Alignment]
    notes: tuple[str, ...]


def read_given(paths: Sequence[Path], rates: Sequence[str], corpus: str | None) -> list[GivenUnits]:
    """Read files of units.

    Parameters
    ----------
    rates : none, one for all files, or one for each
    corpus : the corpus that they are of

    Raises
    ------
    InputError : for unreadable files, rates of another number, or units without a corpus
    """
    from vqspeech.units.matching import parse_rate
    from vqspeech.units.reading import read_units

    if len(rates) not in (0, 1, len(paths)) or (rates and not paths):
        raise InputError(f"--unit-rate is given {len(rates)} times, --units {len(paths)}; give one for all, or each")
    if paths and corpus is None:
        raise InputError("--units needs the recordings and alignments; give --corpus NAME --data-dir DIR")
    parsed = [parse_rate(rate) for rate in rates]
    each = parsed * len(paths) if len(parsed) == 1 else [*parsed, *[None] * (len(paths) - len(parsed))]
    return [GivenUnits(file=read_units(path), rate_hz=rate) for path, rate in zip(paths, each, strict=True)]


def match_all(
    given: Sequence[GivenUnits], corpus: Corpus, alignments: Mapping[str, Alignment]
) -> tuple[Corpus, list[CorpusUnits]]:
    """Match files of units with a corpus; return the utterances that all of them have, and the units of these.

    Raises
    ------
    InputError : as `vqspeech.units.matching.match`, and for files without a common utterance
    """
    from vqspeech.units.matching import match

    matched = [match(one.file, corpus, one.rate_hz) for one in given]
    common = set.intersection(*({row.id for row in one.table} for one in matched))
    if not common:
        raise InputError(f"no utterance has units in all of {', '.join(str(one.path) for one in given)}")
    narrowed = corpus.subset(utterance for utterance in corpus.utterances if utterance.id in common)
    kept = {key: alignment for key, alignment in alignments.items() if key in common}
    return narrowed, [
        CorpusUnits(
            table=replace(one.table, rows=tuple(row for row in one.table if row.id in common)),
            alignments=kept,
            notes=one.notes,
        )
        for one in matched
    ]


def units_context(
    units: CorpusUnits,
    runs: Sequence[str],
    labels_from: str,
    options: Mapping[str, Any],
    out: Path | None,
    seed: int,
) -> tuple[AnalysisContext, dict[str, Any]]:
    """Make the context of an analysis of units; return it with the options of that analysis.

    Beside runs, k-means is fitted on the training audio of the first one, as its own baseline, where the rate is the
    same.
    """
    from vqspeech import audio
    from vqspeech.analysis.contract import AnalysisContext
    from vqspeech.analysis.phonemes import training_audio
    from vqspeech.codec.load import load_speech

    table, trained_on, own = units.table, None, dict(options)
    if runs:
        place = own.pop("train_data", None)
        codec = load_speech(runs[0])
        if codec.sample_rate == table.sample_rate:
            trained_on = training_audio.of_run(codec, seed, None if place is None else Path(place))
    paths = {row.id: Path(row.path) for row in table}
    context = AnalysisContext(
        table=table,
        alignments=units.alignments,
        labels_from=labels_from,
        waveform_of=lambda name: audio.read(paths[name], table.sample_rate),
        trained_on=trained_on,
        out=out,
        seed=seed,
    )
    return context, own
