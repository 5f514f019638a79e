"""What `vqspeech convert` and `decode` share: the options of sampling, and speech that goes to files while it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np

    from vqspeech.audio.stream import Writer
    from vqspeech.sampling import Sampling

Seed = Annotated[int, typer.Option(help="Of the random draws.")]
Temperature = Annotated[float, typer.Option(help="Below 1 is less noisy; 0 takes the most likely value.")]
EngineName = Annotated[str, typer.Option("--engine", help="Sampling engine: auto, cpu, cuda or reference.")]
Weights = Annotated[str, typer.Option(help="Of the engines cpu and cuda: fp32, or bf16 for more speed.")]
Parts = Annotated[str, typer.Option(help="Parts of a file sampled at the same time, or auto; 1 is exact.")]


def options(seed: int, temperature: float, engine: str, weights: str, parts: str) -> dict[str, Any]:
    """The options as keyword arguments of `vqspeech.sampling.sample`; an engine that is not to be had is refused here, before any work."""
    if engine != "auto":
        from vqspeech.sampling.engines import resolve

        resolve(engine)
    number = int(parts) if parts.isdecimal() else parts
    return {"seed": seed, "temperature": temperature, "engine": engine, "weights": weights, "parts": number}


def sample_to_files(label: str, targets: Sequence[Path], rate: int, work: Callable[..., Sampling]) -> Sampling:
    """Sample into files, one for each utterance, with a line of progress; at Ctrl-C each keeps what it has.

    Parameters
    ----------
    label : of the line of progress
    targets : file of every utterance
    rate : in Hz
    work : called with ``progress`` and ``deliver`` of `vqspeech.sampling.sample`

    Raises
    ------
    KeyboardInterrupt : at Ctrl-C, once the files are complete
    """
    from vqspeech.progress import reporter
    from vqspeech.sampling import SamplingInterrupted

    show = reporter(label, lambda samples_per_second: f"{samples_per_second / rate:.2f} x real time")
    with WaveFiles(targets, rate) as files:
        try:
            result = work(progress=show, deliver=files.deliver)
        except SamplingInterrupted as stop:
            result, files.interrupted = stop.sampling, True
    for path in files.written:
        typer.echo(str(path))
    speed = f"{result.samples_per_second:.0f} samples/s, {result.samples_per_second / rate:.2f} x real time"
    typer.echo(f"{speed} ({result.engine} engine)", err=True)
    if files.interrupted:
        raise KeyboardInterrupt("what was sampled so far has been written")
    return result


class WaveFiles:
    """Files that utterances are written to while they are drawn; `written` are those that have their name.

    Leaving the ``with`` block completes what is open when `interrupted` is set, and gives up what is open otherwise.
    """

    def __init__(self, targets: Sequence[Path], rate: int) -> None:
        self._targets, self._rate = targets, rate
        self._open: dict[int, Writer] = {}
        self._done: set[int] = set()
        self.interrupted = False

    @property
    def written(self) -> list[Path]:
        """Complete files, in the order of the targets."""
        return [self._targets[number] for number in sorted(self._done)]

    def deliver(self, utterance: int, waveform: np.ndarray, last: bool) -> None:
        """The next samples of an utterance; see `vqspeech.sampling.sample`."""
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
