"""``vqspeech analyze``: run a registered analysis of the codes of one or several runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vqspeech.cli.arguments import MODEL

if TYPE_CHECKING:
    from vqspeech.alignment.base import Alignment
    from vqspeech.analysis.contract import AnalysisContext, AnalysisResult
    from vqspeech.cli.units import CorpusUnits, GivenUnits
    from vqspeech.config import CorpusConfig
    from vqspeech.corpora.alignments import FoundAlignments
    from vqspeech.corpora.base import Corpus


def analyze(
    name: Annotated[str, typer.Argument(metavar="ANALYSIS", help="A registered analysis, for example phonemes.")],
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help=f"The model: {MODEL}. Several (seeds) are compared."),
    ] = None,
    units: Annotated[
        list[Path] | None,
        typer.Option(
            "--units",
            metavar="TABLE",
            help="Units of any other model, as .parquet, .npz, JSON lines or text; needs --corpus. May be repeated.",
        ),
    ] = None,
    unit_rate: Annotated[
        list[str] | None,
        typer.Option(
            "--unit-rate",
            metavar="HZ",
            help="Units per second, such as 50 or 44100/512, where a table does not state it: one for all, or each.",
        ),
    ] = None,
    unit_codebook: Annotated[
        list[int] | None,
        typer.Option(
            "--unit-codebook",
            metavar="N",
            help="Score one codebook of a table alone, from 1, instead of all jointly: one N for all, or each.",
        ),
    ] = None,
    corpus: Annotated[
        str | None, typer.Option(help="Corpus to encode and analyse; omit it for the data that the run was trained on.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(envvar="VQSPEECH_DATA", help="Folder of the corpus.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Option of the analysis, or corpus.options.KEY of the corpus; may be repeated. "
            "`vqspeech plugins show ANALYSIS` lists them.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for result.json, figures and a page.")] = None,
    alignments: Annotated[
        Path | None, typer.Option(help="Folder of TextGrids and the like, or a .ctm file, instead of the corpus's own.")
    ] = None,
    aligner: Annotated[
        str | None,
        typer.Option(help="Align other utterances with their text: pocketsphinx (English phones), wav2vec2 (letters)."),
    ] = None,
    phones: Annotated[str | None, typer.Option(hidden=True)] = None,
    labels_by: Annotated[str | None, typer.Option(hidden=True)] = None,
    include_silence: Annotated[bool, typer.Option("--include-silence", hidden=True)] = False,
    train_data: Annotated[Path | None, typer.Option(hidden=True)] = None,
    seed: Annotated[int, typer.Option(help="Seed of baselines and intervals.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Analyse the codes of a run, or units of others; several runs are compared with mean and standard deviation."""
    from vqspeech.analysis.page import require_free
    from vqspeech.analysis.running import check_media, check_options, find_analysis, run_analysis
    from vqspeech.checkpoints.description import describe
    from vqspeech.cli.analysis_output import Shown, folders_of
    from vqspeech.cli.units import read_given, units_context
    from vqspeech.codec.load import modality_of, require_plugins
    from vqspeech.config import override
    from vqspeech.errors import InputError
    from vqspeech.runs import locked

    entry = find_analysis(name)
    shorthands = {
        "phones": phones,
        "labels_by": labels_by,
        "include_silence": include_silence or None,
        "train_data": None if train_data is None else str(train_data),
    }
    values = override({key: value for key, value in shorthands.items() if value is not None}, settings or [])
    # check options and runs before reading the corpus
    options = {key: value for key, value in values.items() if key != "corpus"}
    check_options(entry, options)
    runs = runs or []
    for run in runs:
        path, facts = describe(run)
        require_plugins(path, facts)
        check_media(entry, modality_of(facts))
    given = read_given(units or [], unit_rate or [], unit_codebook or [], corpus)
    if given:
        check_media(entry, "audio")
    elif not runs:
        raise InputError("give a RUN to analyse, or units of another model by --units TABLE")
    with nullcontext() if out is None else locked(out):
        source = _Source(corpus, values.get("corpus", {}), data_dir, alignments, aligner, out)
        fitted = source.match(given)
        folders = folders_of([*runs, *(one.path.with_suffix("") for one in given)], out)
        for place in (out, *folders):
            if place is not None:
                require_free(place)
        results: list[AnalysisResult] = []
        for run, folder in zip(runs, folders, strict=False):
            with source.context(run, folder, seed) as context:
                results.append(run_analysis(entry, context, options))
        for units_of, folder in zip(fitted, folders[len(runs) :], strict=True):
            result = run_analysis(entry, *units_context(units_of, runs, source.labels_from, options, folder, seed))
            results.append(replace(result, notes=(*units_of.notes, *result.notes)))
        names = [*runs, *(str(one.path) for one in given)]
        for name_of, result in zip(names, results, strict=True):
            for note in result.notes:
                typer.echo(f"{name_of}: {note}", err=True)
        shown = Shown(name, source.variant, source.synthetic, tuple(runs), tuple(names[len(runs) :]), tuple(results))
        if out is not None:
            shown.write(out, folders)
    typer.echo(json.dumps(shown.values, indent=1) if as_json else "\n".join(shown.text(folders)))
    if out is not None and not as_json:
        typer.echo(f"result.json, figures and pages: {out}")


class _Source:
    """The data to encode: a corpus, or the prepared data of each run.

    A corpus of speech is read once for all runs.

    Parameters
    ----------
    corpus, table, data_dir : name, further keys of the table ``corpus``, and folder
    place : folder or file of alignments; None for the corpus's own
    aligner : registered aligner of utterances without alignment
    out : folder for alignments that the aligner makes
    """

    def __init__(
        self,
        corpus: str | None,
        table: Mapping[str, Any],
        data_dir: Path | None,
        place: Path | None,
        aligner: str | None,
        out: Path | None,
    ) -> None:
        from vqspeech.analysis.running import labels_from
        from vqspeech.config import CorpusConfig, parse
        from vqspeech.corpora.reading import check_corpus, read_corpus
        from vqspeech.errors import InputError
        from vqspeech.registry import lookup
        from vqspeech.registry.specs import CorpusSpec

        if corpus is None and (table or place or aligner):
            raise InputError("corpus.options, --alignments and --aligner are for a corpus; give --corpus NAME")
        self.variant, self.synthetic, self.data_dir = "the data of the run", False, data_dir
        self.config: CorpusConfig | None = None
        self._speech: tuple[Corpus, dict[str, Alignment]] | None = None
        self.labels_from = labels_from("the corpus" if place is None else str(place), aligner)
        if corpus is None:
            return
        self.config = parse(CorpusConfig, {**table, "name": corpus}, "corpus.")
        media = lookup.spec(CorpusSpec, corpus).media
        if media == "audio":
            speech: Corpus = read_corpus(self.config, data_dir)
            self.variant, self.synthetic = speech.variant, speech.synthetic
            self._speech = speech, _alignments(speech, place, aligner, out)
        elif place or aligner:
            raise InputError(f"--alignments and --aligner are for speech; the corpus {corpus!r} holds {media}")
        else:
            check_corpus(self.config, media)
            self.variant = corpus

    def match(self, given: list[GivenUnits]) -> list[CorpusUnits]:
        """Match units with the corpus, which is narrowed to the utterances that all of them have."""
        from vqspeech.cli.units import match_all
        from vqspeech.errors import InputError

        if not given:
            return []
        if self._speech is None:
            raise InputError("--units is for speech; give --corpus NAME of one")
        corpus, alignments = self._speech
        narrowed, matched = match_all(given, corpus, alignments)
        kept = {utterance.id for utterance in narrowed.utterances}
        self._speech = narrowed, {key: one for key, one in alignments.items() if key in kept}
        return matched

    @contextmanager
    def context(self, run: str, out: Path | None, seed: int) -> Iterator[AnalysisContext]:
        """Encode the data by one run; yield the context of its analysis."""
        from vqspeech.analysis.running import corpus_context, prepared_context, run_context
        from vqspeech.codec.load import load_with_modality
        from vqspeech.codec.speech import SpeechCodec
        from vqspeech.progress import reporter

        modality, codec = load_with_modality(run)
        given: dict[str, Any] = {"progress": reporter("encode"), "out": out, "seed": seed}
        if self.config is None:
            yield run_context(modality, codec, **given)
        elif self._speech is not None and isinstance(codec, SpeechCodec):
            context, skipped = corpus_context(codec, *self._speech, labels_from=self.labels_from, **given)
            for path, reason in skipped.items():
                typer.echo(f"skipped {path}: {reason}", err=True)
            yield context
        else:
            with prepared_context(modality, codec, self.config, self.data_dir, **given) as context:
                yield context


def _alignments(speech: Corpus, place: Path | None, aligner: str | None, out: Path | None) -> dict[str, Alignment]:
    """Return utterance id -> alignment: from files, from the corpus, or made by an aligner."""
    from vqspeech.alignment.textgrid import write_textgrid
    from vqspeech.corpora.aligning import make_all
    from vqspeech.corpora.alignments import find
    from vqspeech.corpora.textgrids import tiers_of
    from vqspeech.names import file_name
    from vqspeech.progress import reporter

    if place is None:
        aligned = {u.id: u.alignment for u in speech.utterances if u.alignment is not None}
        unread = [f"{path}: {why}" for path, why in speech.skipped.items() if why.startswith("alignment")]
    else:
        matched = find(place, speech.utterances)
        aligned, unread = matched.alignments, [f"{key}: {why}" for key, why in matched.skipped.items()]
        for line in _matching(matched):
            typer.echo(f"{place}: {line}", err=True)
    bare = [utterance for utterance in speech.utterances if utterance.id not in aligned]
    if aligner is not None and bare:
        made = make_all(aligner, bare, reporter("align"))
        unread += [f"{key}: {why}" for key, why in made.skipped.items()]
        if out is not None:
            kept = 0
            for utterance in (u for u in bare if u.id in made.alignments):
                path = out / "alignments" / file_name(utterance.id, ".TextGrid")
                if path.exists():
                    kept += 1
                else:
                    write_textgrid(path, tiers_of(made.alignments[utterance.id]), utterance.duration_s)
            if kept:
                typer.echo(f"{kept} files that were in {out / 'alignments'} are kept as they were", err=True)
        aligned = aligned | made.alignments
    for line in unread[:5]:
        typer.echo(f"alignment not used: {line}", err=True)
    if len(unread) > 5:
        typer.echo(f"{len(unread)} alignments could not be used in all", err=True)
    return aligned


def _matching(found: FoundAlignments) -> Iterator[str]:
    """Yield a line for each kind of alignment that is not surely of one utterance."""
    if strangers := [name for name in found.others if name not in found.ambiguous]:
        yield f"{len(strangers)} alignments match no utterance of this corpus, the first: {strangers[0]!r}"
    if found.ambiguous:
        name, ids = next(iter(found.ambiguous.items()))
        yield (
            f"{len(found.ambiguous)} alignments fit several utterances equally well and are not used, the first: "
            f"{name!r} ({', '.join(ids[:3])}); put each into a folder named like that of its recording"
        )
    if found.doubtful:
        name, key = next(iter(found.doubtful.items()))
        yield (
            f"{len(found.doubtful)} alignments are used although their folder is not in the path of the recording, "
            f"the first: {name!r} for {key}"
        )
