"""Microphone and loudspeaker, through sounddevice."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.errors import InputError
from vqspeech.live.worker import LiveWorker

BLOCK_S = 0.01
"""Wanted length of a device's blocks."""

SILENT_S = 2.0
"""A device that delivers nothing for so long is taken for unplugged."""

HINT = "`vqspeech live --list-devices` lists the devices; --input and --output choose one by number or name"

Device = int | str | None


def library() -> Any:
    """Import sounddevice.

    Raises
    ------
    InputError : when it, or the library PortAudio, is not installed
    """
    try:
        import sounddevice
    except ImportError as error:
        raise InputError("sounddevice is not installed: pip install 'vqspeech[live]'") from error
    except OSError as error:
        raise InputError(
            f"sounddevice cannot be used: {error}. On Debian and Ubuntu: apt install libportaudio2"
        ) from error
    return sounddevice


def listing() -> str:
    """Return a line per device; errors as `library`."""
    return str(library().query_devices()) or "no sound device found"


@dataclass(frozen=True, kw_only=True)
class Devices:
    """A microphone and a loudspeaker with a rate that both have.

    Parameters
    ----------
    input, output : numbers
    names : their names
    rate : in Hz
    """

    input: int
    output: int
    names: tuple[str, str]
    rate: int


def find(input: Device, output: Device, wanted_rate: int) -> Devices:
    """Find devices, by number or by part of their name; the system's by default.

    Parameters
    ----------
    wanted_rate : rate in Hz, taken if both have it; else the loudspeaker's own

    Raises
    ------
    InputError : for a device that is not there, or no rate that both have
    """
    sound = library()
    found = {kind: _device(sound, device, kind) for kind, device in (("input", input), ("output", output))}
    numbers = {kind: int(device["index"]) for kind, device in found.items()}
    names = (str(found["input"]["name"]), str(found["output"]["name"]))
    reason: Exception | None = None
    for rate in (wanted_rate, int(found["output"]["default_samplerate"])):
        try:
            sound.check_input_settings(device=numbers["input"], channels=1, dtype="float32", samplerate=rate)
            sound.check_output_settings(device=numbers["output"], channels=1, dtype="float32", samplerate=rate)
        except (sound.PortAudioError, ValueError) as error:
            reason = error
            continue
        return Devices(input=numbers["input"], output=numbers["output"], names=names, rate=rate)
    raise InputError(f"{names[0]!r} and {names[1]!r} cannot be used together ({reason}). {HINT}")


def _device(sound: Any, device: Device, kind: str) -> Any:
    what = "microphone" if kind == "input" else "loudspeaker"
    try:
        found = sound.query_devices(device, kind)
    except (sound.PortAudioError, ValueError) as error:
        which = f"no {what}" if device is None else f"no {what} {device!r}"
        raise InputError(f"{which} found ({' '.join(str(error).split())}). {HINT}") from error
    return found


def converse(
    worker: LiveWorker, devices: Devices, *, seconds: float | None = None, show: Callable[[], None] | None = None
) -> float:
    """Convert from microphone to loudspeaker until Ctrl-C.

    Parameters
    ----------
    worker : entered; its rate is that of the devices
    seconds : time after which to end; None for no end
    show : called about five times a second

    Returns
    -------
    delay in seconds that the devices add to the worker's, as they say

    Raises
    ------
    InputError : when the devices cannot be opened, or stop delivering
    Exception : that of the worker
    """
    sound = library()

    def callback(given: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32], *rest: Any) -> None:
        wanted[:, 0] = worker.exchange(given[:, 0])

    try:
        with sound.Stream(
            samplerate=devices.rate,
            blocksize=round(BLOCK_S * devices.rate),
            device=(devices.input, devices.output),
            channels=1,
            dtype="float32",
            latency="low",
            callback=callback,
        ) as stream:
            _watch(worker, stream, seconds, show)
            return float(sum(stream.latency))
    except sound.PortAudioError as error:
        raise InputError(f"{devices.names[0]!r} and {devices.names[1]!r}: {error}. {HINT}") from error


def _watch(worker: LiveWorker, stream: Any, seconds: float | None, show: Callable[[], None] | None) -> None:
    """Wait until the time is over; raise an error of the worker, or when no samples come."""
    last, since = -1, time.monotonic()
    while seconds is None or worker.received < seconds * worker.rate:
        time.sleep(0.2)
        if worker.error is not None:
            raise worker.error
        if worker.received != last:
            last, since = worker.received, time.monotonic()
        elif not stream.active or time.monotonic() - since > SILENT_S:
            raise InputError(f"the sound device delivers nothing any more: is it unplugged? {HINT}")
        if show is not None:
            show()
