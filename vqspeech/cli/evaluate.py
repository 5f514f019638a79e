"""``vqspeech evaluate``: judge the speech of a run by a recogniser, speaker embeddings and DNSMOS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from vqspeech.cli.arguments import MODEL, Codebooks
from vqspeech.cli.sampling import EngineName, Parts, Seed, Temperature, Weights, options

if TYPE_CHECKING:
    from vqspeech.analysis.listening.judge.judge import Judge
    from vqspeech.analysis.listening.judge.sources import Source, Which
    from vqspeech.analysis.listening.judge.synthesis import Model
    from vqspeech.config import CorpusConfig
    from vqspeech.corpora.base import Corpus


def evaluate(
    out: Annotated[Path, typer.Option(help="Folder for results.json, a page, and the clips.")],
    run: Annotated[str | None, typer.Argument(metavar="RUN", help=f"The model: {MODEL}. Omit it with --table.")] = None,
    audio_files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="AUDIO...", help="Files and folders; omit them for the data of the run, or --corpus."),
    ] = None,
    corpus: Annotated[str | None, typer.Option(help="Corpus to draw utterances from.")] = None,
    data_dir: Annotated[Path | None, typer.Option(envvar="VQSPEECH_DATA", help="Folder of the corpus.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="corpus.options.KEY of the corpus; may be repeated."),
    ] = None,
    speakers: Annotated[
        str | None, typer.Option(help="Target voices, separated by commas; up to four by default.")
    ] = None,
    utterances: Annotated[int, typer.Option(help="Number of utterances to draw.")] = 20,
    sources: Annotated[
        str,
        typer.Option(
            help="Draw from speakers unheard in training, from heard ones, or from all; auto: unheard if any."
        ),
    ] = "auto",
    compare: Annotated[
        list[str] | None, typer.Option(metavar="RUN", help="A further run, on the same utterances; may be repeated.")
    ] = None,
    voices: Annotated[
        Path | None, typer.Option(help="Recordings of the target voices, in a folder per speaker or a corpus.")
    ] = None,
    recogniser: Annotated[
        str | None, typer.Option(help="Folder or name of a Whisper model; tiny.en of the extra by default.")
    ] = None,
    language: Annotated[str, typer.Option(help="Language of the speech, for recognisers of several.")] = "en",
    download: Annotated[bool, typer.Option("--download", help="Allow to download a recogniser by its name.")] = False,
    table: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Merge the results of earlier evaluations; repeat it for each."),
    ] = None,
    intonation: Annotated[
        str | None, typer.Option(help="As of `vqspeech convert`: source (the default), predicted, or flat.")
    ] = None,
    codebooks: Codebooks = None,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    engine: EngineName = "auto",
    weights: Weights = "fp32",
    parts: Parts = "1",
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json without its clips.")] = False,
) -> None:
    """Judge conversions: words by a recogniser, voices by speaker embeddings, quality by DNSMOS."""
    from vqspeech.analysis.listening.judge.evaluation import open_folder, write_evaluation
    from vqspeech.errors import InputError
    from vqspeech.runs import locked

    if table:
        if run is not None:
            raise InputError("--table merges earlier evaluations and takes no RUN; --compare evaluates further runs")
        from vqspeech.analysis.listening.judge.merging import merge

        if out.resolve() in [folder.resolve() for folder in table]:
            raise InputError(f"--out {str(out)!r} is one of the evaluations to merge; give another folder")
        with locked(out):
            results = merge(table, out, seed)
            open_folder(out)
            _print(results, write_evaluation(out, results), as_json)
        return
    from vqspeech.codec.intonation import require_intonation

    if run is None:
        raise InputError("give a RUN to evaluate, or --table DIR for each earlier evaluation to merge")
    if audio_files and corpus:
        raise InputError("give either AUDIO or --corpus, not both")
    if settings and not corpus:
        raise InputError("--set corpus.options.KEY=VALUE is for a corpus; give --corpus NAME")
    chosen = options(seed, temperature, engine, weights, parts)
    if intonation is not None:
        require_intonation(intonation)
    judge = _judge(recogniser, language, download)
    wanted = [one.strip() for one in speakers.split(",")] if speakers else None
    models = _models([run, *(compare or [])], wanted, codebooks)
    found, data = _sources(models[0], audio_files, _corpus(corpus, settings), data_dir)

    from vqspeech.analysis.listening.judge.evaluation import judge_clips
    from vqspeech.analysis.listening.judge.sources import corpus_sources, draw
    from vqspeech.analysis.listening.judge.synthesis import synthesise
    from vqspeech.analysis.listening.judge.targets import find_targets
    from vqspeech.corpora.found import find_recordings
    from vqspeech.progress import reporter

    heard = frozenset().union(*(model.heard for model in models))
    drawn = draw(found, utterances, seed, heard, _which(sources))
    for note in drawn.notes:
        typer.echo(note, err=True)
    given = [corpus_sources(find_recordings([voices]))] if voices is not None else []
    given += [own for model in models if (own := _own_data(model))] + [found]
    with locked(out):
        open_folder(out)
        folder = out.absolute()
        clips = synthesise(models, drawn.sources, folder, chosen, reporter, intonation=intonation)
        names = list(dict.fromkeys(clip.voice for clip in clips if clip.voice))
        targets = find_targets(names, given, models[0].codec.path, folder, judge.embedder, drawn.sources)
        try:
            results = judge_clips(
                clips,
                judge=judge,
                targets=targets,
                models=models,
                drawn=drawn,
                data=data,
                out=folder,
                seed=seed,
                show=reporter,
            )
        except BaseException:
            typer.echo(f"The clips, and judge-list.csv for other judges, are in {out}.", err=True)
            raise
        _print(results, write_evaluation(folder, results, synthetic=bool(data.get("synthetic"))), as_json)


def _judge(recogniser: str | None, language: str, download: bool) -> Judge:
    """Return the judge of what is installed; say what is missing."""
    from vqspeech.analysis.listening.judge.judge import Judge
    from vqspeech.errors import InputError

    judge = Judge.installed(recogniser, language=language, download=download)
    if not (judge.recogniser or judge.embedder or judge.quality):
        raise InputError(f"there is nothing to judge with: {'; '.join(judge.unavailable.values())}")
    for why in judge.unavailable.values():
        typer.echo(f"not measured: {why}", err=True)
    return judge


def _which(name: str) -> Which:
    from vqspeech.analysis.listening.judge.sources import Which
    from vqspeech.errors import unknown_name

    for one in get_args(Which):
        if one == name:
            return one
    raise unknown_name("choice of --sources", name, get_args(Which))


def _models(runs: Sequence[str], wanted: Sequence[str] | None, codebooks: int | None) -> list[Model]:
    """Load the runs; with several, a voice that is not named must be in all of them."""
    from vqspeech.analysis.listening.judge.synthesis import Model, choose_voices
    from vqspeech.codec.load import load_speech
    from vqspeech.corpora.selection import safe_id
    from vqspeech.errors import InputError

    codecs = [load_speech(run).with_codebooks(codebooks) for run in runs]
    if wanted is None and len(codecs) > 1:
        common = [voice for voice in codecs[0].speakers if all(voice in one.speakers for one in codecs)]
        if not common:
            raise InputError("the runs have no voice in common; name the voices with --speakers")
        wanted = [voice for voice in choose_voices(codecs[0], None) if voice in common] or common[:1]
    names = [Path(run).resolve().name if Path(run).exists() else safe_id(run) for run in runs]
    unique = [name if names.count(name) == 1 else f"{name}-{number}" for number, name in enumerate(names, start=1)]
    return [
        Model(name=name, codec=codec, voices=choose_voices(codec, wanted))
        for name, codec in zip(unique, codecs, strict=True)
    ]


def _corpus(name: str | None, settings: Sequence[str] | None) -> CorpusConfig | None:
    """Return the corpus to draw from, with its options; None without a name."""
    from vqspeech.config import CorpusConfig, override, parse
    from vqspeech.errors import unknown_name

    if name is None:
        return None
    values = override({}, settings or [])
    for key in values.keys() - {"corpus"}:
        raise unknown_name("key", key, ["corpus.options"])
    return parse(CorpusConfig, {**values.get("corpus", {}), "name": name}, "corpus.")


def _sources(
    model: Model, audio_files: Sequence[Path] | None, corpus: CorpusConfig | None, data_dir: Path | None
) -> tuple[list[Source], dict[str, Any]]:
    """Return the utterances to draw from, and JSON values on them."""
    from vqspeech.analysis.listening.judge.sources import corpus_sources
    from vqspeech.corpora.found import find_recordings
    from vqspeech.corpora.reading import read_corpus
    from vqspeech.errors import InputError

    if audio_files or corpus:
        read: Corpus = find_recordings(audio_files or []) if corpus is None else read_corpus(corpus, data_dir)
        for path, reason in list(read.skipped.items())[:5]:
            typer.echo(f"skipped {path}: {reason}", err=True)
        return corpus_sources(read), {"name": read.name, "variant": read.variant, "synthetic": read.synthetic}
    own = _own_data(model)
    if not own:
        raise InputError(f"the data of {model.name} is not here; give AUDIO, or --corpus NAME --data-dir DIR")
    facts = model.codec.facts.get("corpus", {})
    return own, {
        "name": facts.get("name"),
        "variant": facts.get("variant", "data of the run"),
        "synthetic": bool(facts.get("synthetic")),
    }


def _own_data(model: Model) -> list[Source]:
    """Return the utterances of the run's prepared data; none where it is not here."""
    from vqspeech.analysis.listening.judge.sources import store_sources
    from vqspeech.corpora.store import AudioStore
    from vqspeech.runs import RunDirectory

    run = RunDirectory.of_checkpoint(model.codec.path)
    # A further decoder of a recipe lies in the run whose data it was trained on.
    for store in (run.store, run.path.parent.parent / run.store.name):
        if (store / "store.json").is_file():
            return store_sources(AudioStore.open(store))
    return []


def _print(results: dict[str, Any], page: Path, as_json: bool) -> None:
    from vqspeech.analysis.listening.judge.page import table_text

    if as_json:
        typer.echo(json.dumps({name: value for name, value in results.items() if name != "clips"}, indent=1))
        return
    typer.echo(table_text(results["rows"]))
    typer.echo(str(page))
