"""Recordings that a page sends: bounded in bytes, seconds and time, and deleted once they are read."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from vqspeech import audio
from vqspeech.audio.stream import blocks
from vqspeech.errors import AudioError, InputError
from vqspeech.names import file_name
from vqspeech.studio.clips import Clip
from vqspeech.untrusted import printable

MOST_BYTES = 100 << 20
"""Largest file."""

UPLOAD_S = 120.0
"""Longest time that a file may take to arrive."""

HIGHEST_RATE = 48000
"""Recordings of higher rates are resampled to it."""

SILENT_DBFS = -80.0
"""Peak below which a recording holds no sound."""

_PART = 1 << 16
_DECODING = threading.Lock()
"""Held while a file is decoded, so that many at once take the memory of one."""

_LONGEST_NAME = 80


class Stream(Protocol):
    """What bytes are read from."""

    def read1(self, size: int, /) -> bytes:
        """Return at most `size` bytes, as soon as there are some; none at the end."""
        ...


def receive(stream: Stream, length: int, name: str, most_s: float) -> Clip:
    """Read a file from a connection, and the recording in it; the file is deleted.

    Parameters
    ----------
    stream : the connection
    length : bytes of the file
    name : its name, which the sender chose
    most_s : longest recording in seconds

    Raises
    ------
    AudioError : for what is no audio, or cannot be read
    InputError : for an empty, incomplete, slow or silent recording, or one that is too long
    """
    shown = _shown(name)
    if not length:
        raise InputError(f"{shown} is empty (0 bytes); choose another file")
    with tempfile.TemporaryDirectory(prefix="vqspeech-studio-") as folder:
        path = Path(folder) / file_name(shown)
        _store(stream, length, path, shown)
        try:
            with _DECODING:
                return _recording(path, shown, most_s)
        except AudioError as error:
            raise type(error)(str(error).replace(str(path), shown)) from error


def _shown(name: str) -> str:
    """Return the last part of a name, as one line of moderate length."""
    last = PurePosixPath(name.replace("\\", "/").replace("\0", "")).name
    return printable(last)[:_LONGEST_NAME] or "recording"


def _store(stream: Stream, length: int, path: Path, shown: str) -> None:
    until, left = time.monotonic() + UPLOAD_S, length
    with path.open("wb") as file:
        while left:
            part = stream.read1(min(left, _PART))
            if not part:
                raise InputError(f"{shown} arrived incomplete, {left} of {length} bytes are missing; send it again")
            if time.monotonic() > until:
                raise InputError(f"{shown} took more than {UPLOAD_S:.0f} s to arrive; choose a smaller file")
            file.write(part)
            left -= len(part)


def _recording(path: Path, shown: str, most_s: float) -> Clip:
    with audio.opened(path) as file:
        rate = min(file.samplerate, HIGHEST_RATE)
    parts, count = [], 0
    for block in blocks(path, rate):
        count += len(block)
        if count > most_s * rate:
            raise InputError(f"{shown} is longer than {most_s:g} s; cut it, or use `vqspeech convert`")
        parts.append(block)
    waveform = np.concatenate(parts)
    peak = float(np.abs(waveform).max(initial=0))
    if peak < 10 ** (SILENT_DBFS / 20):
        raise InputError(f"{shown} holds no sound; check the microphone and its level, or choose another file")
    return Clip(kind="recording", name=Path(shown).stem or shown, waveform=waveform, sample_rate=rate)
