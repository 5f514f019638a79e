"""``vqspeech export``: write a trained model as a directory to publish, or push it to the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from vqspeech.cli.arguments import Run


def export(
    run: Run,
    out: Annotated[Path, typer.Option(help="Directory to write; new, empty, or of an earlier export.")],
    speakers: Annotated[str | None, typer.Option(help="Voices to publish, separated by commas; default: all.")] = None,
    codebooks: Annotated[
        int | None, typer.Option(help="Keep only the first N codebooks of a residual quantizer; default: all.")
    ] = None,
    dtype: Annotated[
        str, typer.Option(help="float16, with the encoder in 32 bit where 16 would change codes; or float32.")
    ] = "float16",
    allow_changed_codes: Annotated[
        bool, typer.Option("--allow-changed-codes", help="Store the encoder in 16 bit even where codes change.")
    ] = False,
    audio: Annotated[
        list[str] | None,
        typer.Option(help="Files or folders to compare codes on; default: held-out utterances of the run."),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="results.json of `vqspeech evaluate`; default: looked for in the run.")
    ] = None,
    card_notes: Annotated[
        Path | None,
        typer.Option(help="Markdown for the card, with YAML metadata (license: ...); default: card-notes.md of RUN."),
    ] = None,
    voices: Annotated[
        Path | None,
        typer.Option(help="Recordings of the voices, in a folder per speaker, or voices.json; default: those of RUN."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Title of the card; default: OWNER/NAME, or the name of OUT.")
    ] = None,
    push: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Also upload it to huggingface.co (extra hub).")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Create the repository as a private one.")] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Write ONNX graphs instead, to use the model without PyTorch.")
    ] = False,
) -> None:
    """Write a trained model to publish: weights in 16 bit, description, checksums and model card.

    The directory holds nothing of training and no paths of this machine.
    """
    if onnx:
        others = {
            "--dtype": dtype != "float16",
            "--allow-changed-codes": allow_changed_codes,
            "--results": results is not None,
            "--card-notes": card_notes is not None,
            "--voices": voices is not None,
            "--name": name is not None,
            "--push": push is not None,
            "--private": private,
        }
        _as_onnx(run, out, _names(speakers), codebooks, audio or (), [key for key, given in others.items() if given])
        return
    from vqspeech.codec.load import load_speech
    from vqspeech.errors import InputError
    from vqspeech.publishing.export import ExportOptions, require_free
    from vqspeech.publishing.export import export as write_export
    from vqspeech.publishing.push import push as upload
    from vqspeech.publishing.push import require_repository

    if private and push is None:
        raise InputError("--private is for --push OWNER/NAME")
    if push is not None:
        require_repository(push)
    require_free(out)
    codec = load_speech(run)
    options = ExportOptions(
        speakers=_names(speakers),
        codebooks=codebooks,
        dtype=dtype,  # type: ignore[arg-type]
        allow_changed_codes=allow_changed_codes,
        recordings=audio or (),
        results=results,
        notes=card_notes,
        voices=voices,
        name=name or push or "",
    )
    made = write_export(codec, out, options)
    if made.changes is not None:
        one = f"{made.changes.changed} of {made.changes.codes} codes of {made.changes.of} change"
        typer.echo(f"{one}; encoder in {made.encoder_dtype}", err=True)
    for lack in made.missing:
        typer.echo(f"the card lacks {lack}", err=True)
    typer.echo(f"{made.path} ({made.megabytes:.1f} MB)")
    if push is not None:
        typer.echo(upload(out, push, private=private))


def _names(speakers: str | None) -> list[str] | None:
    return None if speakers is None else [name.strip() for name in speakers.split(",") if name.strip()]


def _as_onnx(
    run: str, out: Path, speakers: list[str] | None, codebooks: int | None, audio: Sequence[str], others: list[str]
) -> None:
    from vqspeech.codec.load import load_speech
    from vqspeech.errors import InputError
    from vqspeech.publishing.onnx_export import export_onnx, require_onnx_free

    if others:
        raise InputError(f"{others[0]} is for an export without --onnx; omit one of them")
    require_onnx_free(out)
    made = export_onnx(load_speech(run), out, speakers=speakers, codebooks=codebooks, recordings=audio)
    found = f"{made.changed} of {made.codes} codes of {made.of} differ from PyTorch's"
    typer.echo(f"{found}; samples by at most {made.deviation:.1g}", err=True)
    typer.echo(f"{made.path} ({made.megabytes:.1f} MB)")
