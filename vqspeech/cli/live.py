"""``vqspeech live``: convert from microphone to loudspeaker while somebody speaks."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqspeech.cli.arguments import Run
from vqspeech.cli.sampling import IntonationName, Seed

if TYPE_CHECKING:
    from vqspeech.codec.speech import SpeechCodec
    from vqspeech.live.conversion import LiveConversion
    from vqspeech.live.worker import Figures, LiveWorker


def _list_devices(requested: bool) -> None:
    if requested:
        from vqspeech.live.devices import listing

        typer.echo(listing())
        raise typer.Exit()


def live(
    run: Run,
    speaker: Annotated[str, typer.Option(help="Target speaker id; `vqspeech speakers RUN` lists them.")],
    input: Annotated[str | None, typer.Option(help="Microphone: number, or part of its name.")] = None,
    output: Annotated[str | None, typer.Option(help="Loudspeaker: number, or part of its name.")] = None,
    list_devices: Annotated[
        bool, typer.Option("--list-devices", callback=_list_devices, is_eager=True, help="List devices and exit.")
    ] = False,
    file: Annotated[Path | None, typer.Option(help="A recording instead of the microphone; needs --out.")] = None,
    out: Annotated[Path | None, typer.Option(help="A .wav or .flac file instead of the loudspeaker.")] = None,
    pace: Annotated[
        bool, typer.Option("--pace", help="Play the recording at the pace of a microphone, delay and drops included.")
    ] = False,
    intonation: IntonationName = None,
    seed: Seed = 0,
    ahead: Annotated[float, typer.Option(help="Seconds of speech after a sample that are waited for.")] = 0.14,
    step: Annotated[float, typer.Option(help="Seconds of speech that are converted at a time.")] = 0.04,
    buffer: Annotated[float, typer.Option(min=0.0, max=5.0, help="Seconds for converting a step.")] = 0.06,
    seconds: Annotated[
        float | None, typer.Option(min=0.0, help="Time after which to end; Ctrl-C ends as well.")
    ] = None,
) -> None:
    """Convert speech to another speaker's voice while it is spoken."""
    import torch

    from vqspeech.codec.load import load_speech
    from vqspeech.errors import InputError
    from vqspeech.live.conversion import LiveConversion
    from vqspeech.nn.decoders.protocol import SpeakOptions

    if (file is None) != (out is None):
        raise InputError("--file and --out belong together: a recording to convert, and the file to write")
    if pace and file is None:
        raise InputError("--pace is for a recording: give --file and --out; a microphone has a pace of its own")
    if file is not None and (input is not None or output is not None):
        raise InputError("--file converts a recording, without --input and --output")
    if file is None:
        from vqspeech.live.devices import library

        # Before the model is loaded.
        library()
    # A step is too small for several threads, which wait for each other where a core is busy.
    torch.set_num_threads(1)
    codec = load_speech(run)
    conversion = LiveConversion(
        codec, speaker, ahead_s=ahead, step_s=step, intonation=intonation, options=SpeakOptions(seed=seed)
    )
    _warm_up(codec, conversion)
    if file is not None and out is not None:
        _convert_file(codec, conversion, file, out, buffer if pace else None)
    else:
        _converse(codec, conversion, _device(input), _device(output), buffer, seconds)


def _warm_up(codec: SpeechCodec, like: LiveConversion) -> None:
    """Convert a second of silence: the first steps of a process take longer."""
    import numpy as np

    from vqspeech.live.conversion import LiveConversion

    speaker = codec.speakers[0] if codec.speakers else ""
    LiveConversion(codec, speaker, ahead_s=like.ahead_s, step_s=like.step_s).push(
        np.zeros(round((like.delay_s + 1) * codec.sample_rate), np.float32)
    )


def _convert_file(codec: SpeechCodec, conversion: LiveConversion, file: Path, out: Path, buffer: float | None) -> None:
    """Convert a recording; with a buffer at the pace of a microphone."""
    from vqspeech import audio
    from vqspeech.audio.stream import Writer, blocks
    from vqspeech.claims import claimed
    from vqspeech.errors import InputError
    from vqspeech.live.files import converted, paced
    from vqspeech.live.worker import LiveWorker

    if out.exists() and file.exists() and out.samefile(file):
        raise InputError(f"{out} is the input itself; give another --out")
    audio.probe(file)
    with claimed([out]):
        audio.require_replaceable(out)
        writer = Writer(out, codec.output_rate)
        try:
            if buffer is None:
                figures = converted(conversion, blocks(file, codec.sample_rate), codec.sample_rate, writer.write)
            else:
                rates = {"input_rate": codec.sample_rate, "output_rate": codec.output_rate}
                with LiveWorker(conversion, rate=codec.output_rate, buffer_s=buffer, **rates) as worker:
                    figures = paced(worker, blocks(file, codec.output_rate), writer.write)
        except BaseException:
            writer.discard()
            raise
        writer.close()
    typer.echo(str(out))
    typer.echo(_summary(figures), err=True)


def _converse(
    codec: SpeechCodec,
    conversion: LiveConversion,
    input: int | str | None,
    output: int | str | None,
    buffer: float,
    seconds: float | None,
) -> None:
    """Convert from microphone to loudspeaker."""
    from vqspeech.live.devices import converse, find
    from vqspeech.live.worker import LiveWorker

    devices = find(input, output, codec.output_rate)
    rates = {"input_rate": codec.sample_rate, "output_rate": codec.output_rate}
    with LiveWorker(conversion, rate=devices.rate, buffer_s=buffer, **rates) as worker:
        names = " to ".join(repr(name) for name in devices.names)
        typer.echo(f"{names}, own delay {1000 * worker.delay_s:.0f} ms; Ctrl-C ends. Wear headphones", err=True)
        device_s = None
        with suppress(KeyboardInterrupt):
            device_s = converse(worker, devices, seconds=seconds, show=lambda: _show(worker))
        if sys.stderr.isatty():
            typer.echo("", err=True)
        typer.echo(_summary(worker.figures()), err=True)
        if device_s is not None:
            typer.echo(f"the devices add {1000 * device_s:.0f} ms, as they say", err=True)


def _show(worker: LiveWorker) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{_summary(worker.figures())}")
        sys.stderr.flush()


def _summary(figures: Figures) -> str:
    """Return the figures as a line."""
    drops = "1 drop" if figures.drops == 1 else f"{figures.drops} drops"
    return (
        f"{figures.seconds:.1f} s, own delay {1000 * figures.delay_s:.0f} ms, real-time factor {figures.busy:.2f}, "
        f"longest step {1000 * figures.longest_s:.0f} ms, {drops} ({figures.dropped_s:.2f} s)"
    )


def _device(name: str | None) -> int | str | None:
    """Return a device's number, or part of its name."""
    return int(name) if name is not None and name.isdecimal() else name
