"""Units of other models in `vqspeech analyze`: read, matched with the corpus, and put in the context of an analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vqspeech.errors import InputError

if TYPE_CHECKING:
    from vqspeech.alignment.base import Alignment
    from vqspeech.analysis.contract import AnalysisContext
    from vqspeech.codes import CodeTable
    from vqspeech.corpora.base import Corpus
    from vqspeech.units.sequences import UnitFile

Value = TypeVar("Value")


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


def read_given(
    paths: Sequence[Path], rates: Sequence[str], codebooks: Sequence[int], corpus: str | None
) -> list[GivenUnits]:
    """Read files of units.

    Parameters
    ----------
    rates : none, one for all files, or one for each
    codebooks : numbers, from 1, of the codebook that alone is used, in the same way; without any, all are used jointly
    corpus : the corpus that they are of

    Raises
    ------
    InputError : for unreadable files, rates or codebooks of another number, a codebook that a file does not have, or
        units without a corpus
    """
    from vqspeech.units.matching import parse_rate
    from vqspeech.units.reading import read_units
    from vqspeech.units.sequences import one_codebook

    each_rate = _each("--unit-rate", [parse_rate(rate) for rate in rates], len(paths))
    each_book = _each("--unit-codebook", codebooks, len(paths))
    if paths and corpus is None:
        raise InputError("--units needs the recordings and alignments; give --corpus NAME --data-dir DIR")
    given = []
    for path, rate, book in zip(paths, each_rate, each_book, strict=True):
        file = read_units(path)
        given.append(GivenUnits(file=file if book is None else one_codebook(file, book), rate_hz=rate))
    return given


def _each(option: str, values: Sequence[Value], files: int) -> list[Value | None]:
    """Return the value of an option for each file: of one for all, or each; None without any."""
    if len(values) not in (0, 1, files) or (values and not files):
        raise InputError(f"{option} is given {len(values)} times, --units {files}; give one for all, or each")
    return [values[0]] * files if len(values) == 1 else [*values] or [None] * files


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
