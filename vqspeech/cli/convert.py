"""`vqspeech convert`: voice conversion by swapping the speaker id."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vqspeech.training.metrics import Progress


def convert(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run or checkpoint directory.")],
    audio_files: Annotated[list[Path], typer.Argument(metavar="AUDIO...", help="Files and folders to convert.")],
    speaker: Annotated[str, typer.Option(help="Target speaker id; `vqspeech speakers RUN` lists them.")],
    out: Annotated[Path, typer.Option(help="A .wav or .flac file for one input; else a folder.")],
    seed: Annotated[int, typer.Option(help="Of the random draws.")] = 0,
    temperature: Annotated[float, typer.Option(help="Below 1 is less noisy; 0 takes the most likely value.")] = 1.0,
    engine: Annotated[str, typer.Option(help="Sampling engine: auto, cpu or reference.")] = "auto",
    weights: Annotated[str, typer.Option(help="Of the cpu engine: fp32, or bf16 for more speed.")] = "fp32",
    parts: Annotated[str, typer.Option(help="Parts of a file sampled at the same time, or auto; 1 is exact.")] = "1",
) -> None:
    """Say what AUDIO says in another speaker's voice."""
    from vqspeech import audio
    from vqspeech.conversion import Conversion
    from vqspeech.conversion import convert as convert_all
    from vqspeech.encoding import unique_names
    from vqspeech.errors import InputError
    from vqspeech.model import load
    from vqspeech.sampling import SamplingInterrupted
    from vqspeech.training.metrics import Progress

    checkpoint = load(run)
    checkpoint.speaker_index(speaker)
    files = audio.find_audio(audio_files)
    to_file = out.suffix.lower() in (".wav", ".flac")
    if to_file and len(files) > 1:
        raise InputError(f"{len(files)} files cannot all go to {out}; give a folder as --out")
    rate = checkpoint.config.sample_rate
    names = unique_names(files)
    items = [
        Conversion(waveform=audio.read(path, rate), speaker=speaker, key=name)
        for path, name in zip(files, names, strict=True)
    ]
    if not to_file:
        out.mkdir(parents=True, exist_ok=True)
    targets = [out] if to_file else [out / f"{name}-{speaker}.wav" for name in names]
    for path, target in zip(files, targets, strict=True):
        if target.resolve() == path.resolve():
            raise InputError(f"{target} is the input itself; give another --out")
    progress: list[Progress] = []

    def show(done: int, total: int) -> None:
        if not progress:
            progress.append(Progress("convert", total))
        progress[0].update(done, real_time(progress[0], done, rate))

    options: dict[str, Any] = {"seed": seed, "temperature": temperature, "engine": engine, "weights": weights}
    interrupted = False
    try:
        result = convert_all(
            checkpoint, items, **options, parts=int(parts) if parts.isdigit() else parts, progress=show
        )
    except SamplingInterrupted as stop:
        result, interrupted = stop.sampling, True
    for target, waveform in zip(targets, result.waveforms, strict=True):
        audio.write(target, waveform, rate)
        typer.echo(str(target))
    typer.echo(
        f"{result.samples_per_second:.0f} samples/s, {result.samples_per_second / rate:.2f} x real time ({result.engine} engine)",
        err=True,
    )
    if interrupted:
        raise KeyboardInterrupt("what was sampled so far has been written")


def real_time(progress: Progress, done: int, rate: int) -> str:
    """How fast one stream is drawn, as a multiple of real time."""
    seconds = time.monotonic() - progress.started
    return f"{done / seconds / rate:.2f} x real time" if done and seconds > 0 else ""
