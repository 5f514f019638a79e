"""`vqspeech encode` and `vqspeech decode`: audio to a table of codes, and codes to audio."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from vqspeech.cli.sampling import EngineName, Parts, Seed, Temperature, Weights, options, sample_to_files

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Run or checkpoint directory.")]


def encode(
    run: Run,
    audio_files: Annotated[list[Path], typer.Argument(metavar="AUDIO...", help="Files, folders and prepared corpora.")],
    out: Annotated[Path, typer.Option(help="Table to write (.parquet), or a folder for it and its parts.")],
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Encode one of N shares; torchrun says it by itself.")
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray for a Ray cluster.")] = "local",
    workers: Annotated[int | None, typer.Option(min=1, help="Actors of the engine ray; default one per core.")] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Rows encoded together; default 1 on CPUs, 16 elsewhere.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
) -> None:
    """Write the codes of recordings as a table, one row per utterance. Run again, it goes on where it stopped."""
    from vqspeech.encoding.bulk import encode_bulk
    from vqspeech.encoding.plan import Share
    from vqspeech.model import load
    from vqspeech.progress import reporter

    share = Share.of_rank() if shard is None else Share.parse(shard)
    checkpoint = load(run, device=_device(device))
    begin = time.monotonic()
    try:
        result = encode_bulk(
            checkpoint,
            audio_files,
            out,
            share=share,
            engine=engine,
            workers=workers,
            rows=batch,
            progress=reporter("encode"),
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("finished parts are kept; run the same command to go on") from None
    for path, reason in result.encoded.skipped.items():
        typer.echo(f"skipped {path}: {reason}", err=True)
    encoded = result.encoded
    rate = checkpoint.config.sample_rate / checkpoint.model.hop_samples
    facts = [f"{encoded.utterances} files, {encoded.seconds:.1f} s of speech, {rate:g} codes per second"]
    if encoded.skipped:
        facts.append(f"{len(encoded.skipped)} skipped")
    if result.before:
        facts.append(f"{result.before} encoded before")
    elif share.of == 1:  # otherwise some of these seconds may be the work of others
        typer.echo(f"{encoded.seconds / (time.monotonic() - begin):.0f} x real time", err=True)
    where = result.table if result.complete else f"parts of {result.table}; the others are still missing"
    typer.echo(f"{', '.join(facts)}: {where}")


def _device(name: str) -> str:
    """A device that is there; under torchrun ``cuda`` is the one of this process."""
    import os

    import torch

    from vqspeech.errors import InputError

    kind, _, number = name.partition(":")
    there = torch.cuda.device_count() if kind == "cuda" else int(kind == "cpu")
    index = int(number) if number.isdecimal() else int(os.environ.get("LOCAL_RANK", 0)) % max(1, there)
    if index >= there:
        raise InputError(
            f"--device {name!r} is not there; this machine has cpu and {torch.cuda.device_count()} cuda devices"
        )
    return "cpu" if kind == "cpu" else f"cuda:{index}"


def decode(
    run: Run,
    codes: Annotated[Path, typer.Argument(metavar="CODES.parquet", help="What `vqspeech encode` wrote.")],
    speaker: Annotated[str, typer.Option(help="Speaker id; `vqspeech speakers RUN` lists them.")],
    out: Annotated[Path, typer.Option(help="Folder to write to, one file per row.")],
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    engine: EngineName = "auto",
    weights: Weights = "fp32",
    parts: Parts = "1",
) -> None:
    """Sample speech from a table of codes in a speaker's voice."""
    from functools import partial

    from vqspeech.codes import CodeTable
    from vqspeech.encoding import decode_table
    from vqspeech.model import load

    chosen = options(seed, temperature, engine, weights, parts)
    checkpoint, table = load(run), CodeTable.read(codes)
    targets = [out / f"{row.id}.wav" for row in table]
    sample_to_files("decode", targets, table.sample_rate, partial(decode_table, checkpoint, table, speaker, **chosen))
