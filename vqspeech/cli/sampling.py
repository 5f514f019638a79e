"""Options of ``vqspeech convert`` and ``decode``, and speech written while it is generated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np

    from vqspeech.audio.stream import Writer
    from vqspeech.nn.decoders.protocol import SpeakOptions
    from vqspeech.speech import Deliver, Speech

Seed = Annotated[int, typer.Option(help="Seed of the random draws.")]
Temperature = Annotated[float, typer.Option(help="Below 1 is less noisy; 0 takes the most likely value.")]
EngineName = Annotated[str, typer.Option("--engine", help="Sampling engine: auto, cpu, cuda or reference.")]
IntonationName = Annotated[
    str | None,
    typer.Option("--intonation", help="source: its melody in the voice's range; predicted from codes; or flat."),
]
Weights = Annotated[str, typer.Option(help="Weights of the engines cpu and cuda: fp32, or bf16 for speed.")]
Parts = Annotated[str, typer.Option(help="Number of parts of a file to sample in parallel, or auto; 1 is exact.")]


def options(seed: int, temperature: float, engine: str, weights: str, parts: str) -> SpeakOptions:
    """Return the options as `SpeakOptions`; raise an error for an unavailable engine."""
    from vqspeech.nn.decoders.protocol import SpeakOptions

    if engine != "auto":
        from vqspeech.sampling.engines import resolve

        resolve(engine)
    number = int(parts) if parts.isdecimal() else parts
    return SpeakOptions(seed=seed, temperature=temperature, engine=engine, weights=weights, parts=number)


def names_speech(out: Path) -> bool:
    """Return whether ``--out`` is the name of a file of speech; otherwise it is a folder.

    Raises
    ------
    InputError : for the name of a file of another format
    """
    from vqspeech.audio.find import AUDIO_SUFFIXES
    from vqspeech.errors import InputError

    ending = out.suffix.lower()
    if ending not in AUDIO_SUFFIXES or out.is_dir():
        return False
    if ending not in (".wav", ".flac"):
        raise InputError(f"--out {str(out)!r}: speech is written as .wav or .flac; give such a file, or a folder")
    return True


def speak_to_files(
    label: str,
    targets: Sequence[Path],
    rate: int,
    options: SpeakOptions,
    work: Callable[[SpeakOptions, Deliver], Speech],
) -> Speech:
    """Generate speech into one file per utterance, with progress; Ctrl-C keeps what is generated.

    Parameters
    ----------
    label : label of the progress line
    targets : file of each utterance
    rate : sample rate in Hz
    options : options of sampling
    work : called with the options, which report progress, and the function that takes pieces of speech

    Raises
    ------
    InputError : for a target that exists and is not a file of vqspeech, or that another process writes
    KeyboardInterrupt : at Ctrl-C and SIGTERM, once the files are complete
    """
    from dataclasses import replace

    from vqspeech import audio
    from vqspeech.claims import claimed
    from vqspeech.progress import reporter
    from vqspeech.speech import SpeechInterrupted

    show = reporter(label, lambda samples_per_second: f"{samples_per_second / rate:.2f} x real time")
    with claimed(targets), WaveFiles(targets, rate) as files:
        for target in targets:
            audio.require_replaceable(target)
        try:
            speech = work(replace(options, progress=show), files.deliver)
        except SpeechInterrupted as stop:
            speech, files.interrupted = stop.speech, True
    for path in files.written:
        typer.echo(str(path))
    speed = f"{speech.samples_per_second:.0f} samples/s, {speech.samples_per_second / rate:.2f} x real time"
    typer.echo(f"{speed}{f' ({speech.engine} engine)' if speech.engine else ''}", err=True)
    if files.interrupted:
        raise KeyboardInterrupt("what was generated so far has been written")
    return speech


class WaveFiles:
    """Audio files of utterances, written while they are generated.

    Leaving the ``with`` block completes open files when `interrupted` is set, and deletes them otherwise.
    """

    def __init__(self, targets: Sequence[Path], rate: int) -> None:
        self._targets, self._rate = targets, rate
        self._open: dict[int, Writer] = {}
        self._done: set[int] = set()
        self.interrupted = False

    @property
    def written(self) -> list[Path]:
        """Paths of the complete files, in the order of the targets."""
        return [self._targets[number] for number in sorted(self._done)]

    def deliver(self, utterance: int, waveform: np.ndarray, last: bool) -> None:
        """Append samples (time,) to an utterance's file; see `vqspeech.speech.collect`."""
        from vqspeech.audio.stream import Writer

        if utterance not in self._open:
            self._open[utterance] = Writer(self._targets[utterance], self._rate)
        self._open[utterance].write(waveform)
        if last:
            self._close(utterance)

    def _close(self, utterance: int) -> None:
        self._open.pop(utterance).close()
        self._done.add(utterance)

    def __enter__(self) -> WaveFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for utterance in list(self._open):
            if self.interrupted:
                self._close(utterance)
            else:
                self._open.pop(utterance).discard()
