"""`vqspeech encode` and `vqspeech decode`: audio to a table of codes, and codes to audio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Run or checkpoint directory.")]


def encode(
    run: Run,
    audio_files: Annotated[list[Path], typer.Argument(metavar="AUDIO...", help="Files and folders.")],
    out: Annotated[Path, typer.Option(help="Table to write (Parquet).")],
) -> None:
    """Write the codes of audio files as a table, one row per file."""
    from vqspeech import audio
    from vqspeech.encoding import encode_files
    from vqspeech.model import load
    from vqspeech.training.metrics import Progress

    checkpoint = load(run)
    files = audio.find_audio(audio_files)
    progress = Progress("encode", len(files))
    table, skipped = encode_files(checkpoint, files, lambda done, total: progress.update(done))
    table.write(out)
    for path, reason in skipped.items():
        typer.echo(f"skipped {path}: {reason}", err=True)
    seconds = sum(row.n_samples for row in table) / table.sample_rate
    typer.echo(f"{len(table)} files, {seconds:.1f} s of speech, {table.frame_rate_hz:g} codes per second: {out}")


def decode(
    run: Run,
    codes: Annotated[Path, typer.Argument(metavar="CODES.parquet", help="What `vqspeech encode` wrote.")],
    speaker: Annotated[str, typer.Option(help="Speaker id; `vqspeech speakers RUN` lists them.")],
    out: Annotated[Path, typer.Option(help="Folder to write to, one file per row.")],
    seed: Annotated[int, typer.Option(help="Of the random draws.")] = 0,
    temperature: Annotated[float, typer.Option(help="Below 1 is less noisy; 0 takes the most likely value.")] = 1.0,
) -> None:
    """Sample speech from a table of codes in a speaker's voice."""
    from vqspeech import audio
    from vqspeech.cli.convert import real_time
    from vqspeech.codes import CodeTable
    from vqspeech.encoding import decode_table
    from vqspeech.model import load
    from vqspeech.sampling import SamplingInterrupted
    from vqspeech.training.metrics import Progress

    checkpoint, table = load(run), CodeTable.read(codes)
    progress: list[Progress] = []

    def show(done: int, total: int) -> None:
        if not progress:
            progress.append(Progress("decode", total))
        progress[0].update(done, real_time(progress[0], done, table.sample_rate))

    interrupted = False
    try:
        sampling = decode_table(checkpoint, table, speaker, seed=seed, temperature=temperature, progress=show)
    except SamplingInterrupted as stop:
        sampling, interrupted = stop.sampling, True
    out.mkdir(parents=True, exist_ok=True)
    for row, waveform in zip(table, sampling.waveforms, strict=True):
        audio.write(out / f"{row.id}.wav", waveform, table.sample_rate)
    typer.echo(f"{len(table)} files in {out}, {sampling.samples_per_second:.0f} samples/s")
    if interrupted:
        raise KeyboardInterrupt("what was sampled so far has been written")
