"""``vqspeech convert``: voice conversion by swapping the speaker id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqspeech.cli.arguments import Codebooks, Run
from vqspeech.cli.sampling import (
    EngineName,
    IntonationName,
    Parts,
    Seed,
    Temperature,
    Weights,
    names_speech,
    options,
    speak_to_files,
)

if TYPE_CHECKING:
    from vqspeech.errors import AudioError


def convert(
    run: Run,
    audio_files: Annotated[list[Path], typer.Argument(metavar="AUDIO...", help="Files and folders to convert.")],
    speaker: Annotated[str, typer.Option(help="Target speaker id; `vqspeech speakers RUN` lists them.")],
    out: Annotated[Path, typer.Option(help="A .wav or .flac file for one input; else a folder.")],
    intonation: IntonationName = None,
    codebooks: Codebooks = None,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    engine: EngineName = "auto",
    weights: Weights = "fp32",
    parts: Parts = "1",
) -> None:
    """Convert recordings to another speaker's voice."""
    from functools import partial

    from vqspeech import audio
    from vqspeech.audio.stream import blocks
    from vqspeech.codec.load import load_speech
    from vqspeech.conversion import Conversion
    from vqspeech.conversion import convert as convert_all
    from vqspeech.encoding import unique_names
    from vqspeech.errors import InputError
    from vqspeech.names import file_name

    chosen = options(seed, temperature, engine, weights, parts)
    codec = load_speech(run).with_codebooks(codebooks)
    codec.voice(speaker)
    files = audio.find_audio(audio_files)
    to_file = names_speech(out)
    if to_file and len(files) > 1:
        raise InputError(f"{len(files)} files cannot all go to {out}; give a folder as --out")
    names = unique_names(files)
    targets = [out] if to_file else [out / file_name(f"{name}-{speaker}", ".wav") for name in names]
    _require_no_input(targets, files)
    items = (
        Conversion(waveform=blocks(path, codec.sample_rate), speaker=speaker, key=name)
        for path, name in zip(files, names, strict=True)
    )
    skipped: list[int] = []

    def skip(number: int, error: AudioError) -> None:
        skipped.append(number)
        typer.echo(f"skipped {files[number]}: {error}", err=True)

    work = partial(convert_all, codec, items, intonation=intonation, skip=skip if len(files) > 1 else None)
    speak_to_files("convert", targets, codec.output_rate, chosen, work)
    if skipped:
        typer.echo(f"{len(skipped)} of {len(files)} files skipped", err=True)


def _require_no_input(targets: Sequence[Path], files: Sequence[Path]) -> None:
    """Check that no file to write is a file to read."""
    from vqspeech.errors import InputError

    # Compared by file: an input may be there under several names.
    inputs = {(found.st_dev, found.st_ino) for found in (path.stat() for path in files if path.exists())}
    for target in targets:
        if target.exists() and ((found := target.stat()).st_dev, found.st_ino) in inputs:
            which = "the input itself" if len(files) == 1 else "one of the inputs"
            raise InputError(f"{target} is {which}; give another --out")
