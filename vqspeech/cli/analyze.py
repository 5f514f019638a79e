"""`vqspeech analyze`: an analysis of a run's codes on a corpus, for one run or several."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vqspeech.alignment.base import Alignment
    from vqspeech.corpora.base import Corpus


def analyze(
    name: Annotated[str, typer.Argument(metavar="ANALYSIS", help="phonemes, or one that a plugin adds.")],
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Run or checkpoint directories; several (seeds) in one table."),
    ],
    corpus: Annotated[str, typer.Option(help="Corpus to encode and analyse; `vqspeech corpora list` names them.")],
    data_dir: Annotated[Path | None, typer.Option(envvar="VQSPEECH_DATA", help="Where it lies.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for figures (PNG, SVG) and JSON.")] = None,
    alignments: Annotated[
        Path | None, typer.Option(help="Folder of TextGrids and the like, or a .ctm file, instead of the corpus's own.")
    ] = None,
    aligner: Annotated[
        str | None,
        typer.Option(help="Align what has no alignment from its text: wav2vec2 (letters; downloads weights)."),
    ] = None,
    phones: Annotated[
        str | None,
        typer.Option(
            help="Inventory to fold phones by: timit-39, arpabet-39, mfa-41, as-written; default: recognised."
        ),
    ] = None,
    labels_by: Annotated[
        str | None, typer.Option(help="Phone of a code: centre (default), or majority of what it covers.")
    ] = None,
    include_silence: Annotated[bool, typer.Option("--include-silence", help="Score silent frames too.")] = False,
    train_data: Annotated[
        Path | None,
        typer.Option(help="Training corpus, for the k-means baseline of a run that came without its store."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of baselines and intervals.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Encode a corpus with a run and ask what the codes stand for; several runs are set side by side with mean and spread."""
    from vqspeech.errors import InputError
    from vqspeech.registry import lookup

    analyse = lookup.get("analysis", name)
    asked = {
        "inventory": phones,
        "by": labels_by,
        "exclude_silence": False if include_silence else None,
    }
    options = _taken(name, analyse, {key: value for key, value in asked.items() if value is not None})
    spec = lookup.spec("corpus", corpus)
    if getattr(spec, "needs_data_dir", True) and data_dir is None:
        raise InputError(f"corpus {corpus!r} needs --data-dir DIR, the folder that holds it")
    speech = lookup.get("corpus", corpus)(data_dir)
    aligned = _alignments(speech, alignments, aligner, out)
    results = []
    folders = _folders(runs, out)
    for run, folder in zip(runs, folders, strict=True):
        found = _one(analyse, run, speech, aligned, folder, seed, options, train_data)
        results.append({"analysis": name, "run": str(run), "corpus": speech.variant, **found})
        if folder is not None:
            _write(folder / f"{name}.json", results[-1])
    labels = [folder.name if folder else run.name for run, folder in zip(runs, folders, strict=True)]
    whole = results[0] if len(results) == 1 else _together(name, speech, results)
    if out is not None and len(results) > 1:
        _write(out / f"{name}.json", whole)
    if as_json:
        typer.echo(json.dumps(whole, indent=1))
    else:
        _show(name, speech, labels, results)
        if out is not None:
            typer.echo(f"figures and {name}.json: {out}")


def _taken(name: str, analyse: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that the user gave, all of which the analysis must take."""
    from vqspeech.errors import InputError

    if refused := [key for key in options if not _takes(analyse, key)]:
        raise InputError(f"the analysis {name!r} has no option {', '.join(refused)}")
    return dict(options)


def _takes(analyse: Callable[..., Any], key: str) -> bool:
    parameters = inspect.signature(analyse).parameters.values()
    return any(p.name == key or p.kind is p.VAR_KEYWORD for p in parameters)


def _one(
    analyse: Callable[..., dict[str, Any]],
    run: Path,
    speech: Corpus,
    aligned: Mapping[str, Alignment],
    out: Path | None,
    seed: int,
    options: Mapping[str, Any],
    train_data: Path | None,
) -> dict[str, Any]:
    """Encode the corpus with one run and analyse its codes."""
    from vqspeech import audio
    from vqspeech.analysis.phonemes import training_audio
    from vqspeech.encoding import encode_files
    from vqspeech.model import load
    from vqspeech.progress import Progress

    checkpoint = load(run)
    paths = {utterance.id: utterance.path for utterance in speech.utterances}
    facts = {str(u.path): {"id": u.id, "speaker": u.speaker, "split": u.split} for u in speech.utterances}
    progress = Progress("encode", len(paths))
    table, skipped = encode_files(checkpoint, list(paths.values()), lambda done, total: progress.update(done), facts)
    for path, reason in skipped.items():
        typer.echo(f"skipped {path}: {reason}", err=True)
    extra = dict(options)
    if _takes(analyse, "model"):
        extra["model"] = checkpoint
    if _takes(analyse, "trained_on"):
        extra["trained_on"] = training_audio.of_run(checkpoint, seed, train_data)
        if extra["trained_on"] is None:
            typer.echo(
                f"{run} has no readable store of its training audio: k-means is fitted on the scored audio only, which flatters it; give "
                "--train-data DIR for the fair baseline",
                err=True,
            )
    return analyse(table, aligned, lambda key: audio.read(paths[key], table.sample_rate), out=out, seed=seed, **extra)


def _alignments(speech: Corpus, place: Path | None, aligner: str | None, out: Path | None) -> dict[str, Alignment]:
    """Utterance id -> alignment: those of a place, or the corpus's own, and made ones where there is none."""
    from vqspeech.alignment.textgrid import Tier, write_textgrid
    from vqspeech.corpora.alignments import find, make
    from vqspeech.progress import Progress

    if place is None:
        aligned = {u.id: u.alignment for u in speech.utterances if u.alignment is not None}
        unread = [f"{path}: {why}" for path, why in speech.skipped.items() if why.startswith("alignment")]
    else:
        found = find(place, speech.utterances)
        aligned, unread = found.alignments, [f"{key}: {why}" for key, why in found.skipped.items()]
        if found.others:
            typer.echo(
                f"{len(found.others)} alignments in {place} belong to no utterance of this corpus, the first {found.others[0]!r}",
                err=True,
            )
    bare = [utterance for utterance in speech.utterances if utterance.id not in aligned]
    if aligner is not None and bare:
        progress = Progress("align", len(bare))
        made = make(aligner, bare, progress.update)
        unread += [f"{key}: {why}" for key, why in made.skipped.items()]
        for utterance in (u for u in bare if out is not None and u.id in made.alignments):
            assert out is not None
            rows = tuple((p.start_s, p.end_s, p.label) for p in made.alignments[utterance.id].phones)
            path = out / "alignments" / f"{utterance.id}.TextGrid"
            write_textgrid(path, [Tier("phones", rows)], utterance.duration_s)
        aligned = aligned | made.alignments
    for line in unread[:5]:
        typer.echo(f"alignment not used: {line}", err=True)
    if len(unread) > 5:
        typer.echo(f"{len(unread)} alignments could not be used in all", err=True)
    return aligned


def _folders(runs: list[Path], out: Path | None) -> list[Path | None]:
    """Where each run's results go: OUT itself for one, a folder below it named after the run for several."""
    if out is None:
        return [None] * len(runs)
    out.mkdir(parents=True, exist_ok=True)
    if len(runs) == 1:
        return [out]
    twice = Counter(run.absolute().name for run in runs)
    names = [
        run.absolute().name if twice[run.absolute().name] == 1 else f"{run.absolute().name}-{number}"
        for number, run in enumerate(runs, start=1)
    ]
    return [out / name for name in names]


def _together(name: str, speech: Corpus, results: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {"analysis": name, "corpus": speech.variant, "runs": results}
    if name == "phonemes":
        from vqspeech.analysis.phonemes.table import over_runs

        whole["over_runs"] = over_runs(results)
    return whole


def _write(path: Path, result: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _show(name: str, speech: Corpus, labels: list[str], results: list[dict[str, Any]]) -> None:
    if name == "phonemes":
        from vqspeech.analysis.phonemes.table import scored, table, table_of_runs

        typer.echo(speech.variant + (" (synthetic speech)" if speech.synthetic else ""))
        lines = table(results[0]) if len(results) == 1 else [*scored(results[0]), "", *table_of_runs(labels, results)]
        typer.echo("\n".join(lines))
        return
    for label, result in zip(labels, results, strict=True):
        if len(results) > 1:
            typer.echo(label)
        for key, value in result.items():
            if isinstance(value, float):
                typer.echo(f"{key:28} {value:.4f}")
            elif isinstance(value, (int, str, bool)) or value is None:
                typer.echo(f"{key:28} {value}")
