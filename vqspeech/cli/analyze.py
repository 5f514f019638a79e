"""`vqspeech analyze`: an analysis of a run's codes on a corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def analyze(
    name: Annotated[str, typer.Argument(metavar="ANALYSIS", help="phonemes, or one that a plugin adds.")],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run or checkpoint directory.")],
    corpus: Annotated[str, typer.Option(help="Corpus to encode and analyse; `vqspeech corpora list` names them.")],
    data_dir: Annotated[Path | None, typer.Option(envvar="VQSPEECH_DATA", help="Where it lies.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for figures and JSON.")] = None,
    seed: Annotated[int, typer.Option(help="Of baselines and intervals.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Encode a corpus with a run and ask what the codes stand for."""
    from vqspeech import audio
    from vqspeech.encoding import encode_files
    from vqspeech.errors import InputError
    from vqspeech.model import load
    from vqspeech.registry import lookup
    from vqspeech.training.metrics import Progress

    analyse = lookup.get("analysis", name)
    checkpoint = load(run)
    spec = lookup.spec("corpus", corpus)
    if getattr(spec, "needs_data_dir", True) and data_dir is None:
        raise InputError(f"corpus {corpus!r} needs --data-dir DIR, the folder that holds it")
    speech = lookup.get("corpus", corpus)(data_dir)
    files = [utterance.path for utterance in speech.utterances]
    facts = {str(u.path): {"id": u.id, "speaker": u.speaker, "split": u.split} for u in speech.utterances}
    progress = Progress("encode", len(files))
    table, skipped = encode_files(checkpoint, files, lambda done, total: progress.update(done), facts)
    for path, reason in skipped.items():
        typer.echo(f"skipped {path}: {reason}", err=True)
    paths = {utterance.id: utterance.path for utterance in speech.utterances}
    alignments = {u.id: u.alignment for u in speech.utterances if u.alignment is not None}
    result: dict[str, Any] = analyse(
        table, alignments, lambda key: audio.read(paths[key], table.sample_rate), out=out, seed=seed
    )
    result = {"analysis": name, "run": str(checkpoint.path), "corpus": speech.variant, **result}
    if out is not None:
        (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(result, indent=1))
        return
    for key, value in result.items():
        if isinstance(value, float):
            typer.echo(f"{key:28} {value:.4f}")
        elif isinstance(value, (int, str, bool)) or value is None:
            typer.echo(f"{key:28} {value}")
