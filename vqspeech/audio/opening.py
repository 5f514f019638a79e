"""Open audio files, and check what their headers say before anything is decoded or allocated."""

from __future__ import annotations

import os
import re
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from vqspeech.errors import AudioError

LOWEST_RATE, HIGHEST_RATE = 1000, 1_000_000
"""Sample rates of files that are read, in Hz; others are damage, and 1 Hz would ask for 16,000 times the memory."""

_DATA = re.compile(r"^ *(?:data|Data Size|SSND|riff|Riff size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
"""Bytes of samples that a header of WAV, AU, AIFF, W64 or RF64 promises, and those in the file."""

_STREAMED = range(0x7FFFF000 - 64, 0x7FFFF001), range(0x7FFFFF00, 0x80000001), range(0xFFFFF000, 0x100000000)
"""Lengths that programs write into the header of a stream, whose end they do not know."""

_UNKNOWN_FRAMES = 1 << 48
_MP3 = ("MP3", "MPEG")
_XING_WITHIN = 64
"""Bytes after the start of an MP3's first frame in which a header of its length stands."""


@contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """Open an audio file as a `soundfile.SoundFile` within the block.

    Raises
    ------
    AudioError : with the reason: missing, no regular file, not audio, a rate out of `LOWEST_RATE` to `HIGHEST_RATE`, or
        shorter than its header says
    """
    import soundfile

    path = Path(path)
    _check_place(path)
    with ExitStack() as stack:
        try:
            file = stack.enter_context(soundfile.SoundFile(str(path)))
            if file.format in _MP3 and not _counts_frames(path):
                file = stack.enter_context(_through_pipe(path))
            elif not says_length(file):
                file = stack.enter_context(_without_seeking(path))
        except (soundfile.LibsndfileError, TypeError) as error:
            raise AudioError(f"{path}: not audio that can be read ({reason(error)})") from error
        if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
            raise AudioError(
                f"{path}: its sample rate is {file.samplerate} Hz; rates from {LOWEST_RATE} to {HIGHEST_RATE} Hz are "
                "read. Correct the header, or convert the file"
            )
        _check_length(path, file)
        yield file


def says_length(file: Any) -> bool:
    """Return whether the header of an open file says how many samples there are.

    That of a streamed FLAC does not, nor that of an MP3 without a count of its frames.
    """
    return bool(file.frames < _UNKNOWN_FRAMES)


def shown_path(path: str | Path) -> str:
    r"""Return a path as a text that can be printed: bytes that are not UTF-8 become escapes such as ``\xe9``."""
    try:
        return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def reason(error: Exception) -> str:
    """Return libsndfile's message."""
    return str(getattr(error, "error_string", "") or error).strip().rstrip(".")


def _check_place(path: Path) -> None:
    shown = shown_path(path)
    if shown != str(path):
        raise AudioError(f"{shown}: its name is not UTF-8; rename it")
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(f"{path}: is a folder, not an audio file")
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(f"{path}: is a pipe, a socket or a device, not an audio file")
        if status.st_size == 0:
            raise AudioError(f"{path}: is empty (0 bytes)")
        with path.open("rb"):
            pass
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{path}: cannot be opened: {getattr(error, 'strerror', None) or error}") from error


def _without_seeking(path: Path) -> Any:
    """Open a file whose header says no length; soundfile would seek in it, which libsndfile cannot."""
    import soundfile

    class Stream(soundfile.SoundFile):
        def seekable(self) -> bool:
            return False

    return Stream(str(path))


@contextmanager
def _through_pipe(path: Path) -> Iterator[Any]:
    """Open an MP3 that does not count its frames: of a file, libsndfile guesses the length and reads no further."""
    import soundfile

    reading, writing = os.pipe()

    def feed() -> None:
        with suppress(OSError), os.fdopen(writing, "wb") as out, path.open("rb") as source:
            shutil.copyfileobj(source, out)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        with soundfile.SoundFile(reading, closefd=False) as file:
            yield file
    finally:
        # The feeder ends when nobody reads.
        os.close(reading)
        feeder.join()


def _check_length(path: Path, file: Any) -> None:
    """Check the size that the header says, which libsndfile corrects silently."""
    unit = "bytes of samples"
    if match := _DATA.search(file.extra_info):
        declared, present = int(match[1]), int(match[2])
        if declared >= 1 << 62 or any(declared in lengths for lengths in _STREAMED):
            return
    elif file.format == "NIST":
        declared, present, unit = _nist_samples(path), file.frames * file.channels, "samples"
        declared *= file.channels if declared <= file.frames else 1
    else:
        if "Junk after the last page" in file.extra_info and _last_page_is_cut(path):
            raise AudioError(f"{path}: truncated: its last page is cut")
        return
    if present < declared:
        raise AudioError(f"{path}: truncated: the header promises {declared} {unit}, the file holds {present}")


def _nist_samples(path: Path) -> int:
    """Return the number of samples in the header of a NIST file; 0 without."""
    with path.open("rb") as file:
        match = re.search(rb"^sample_count -i (\d{1,15})\s", file.read(1024), re.MULTILINE)
    return int(match[1]) if match else 0


def _last_page_is_cut(path: Path) -> bool:
    """Return whether the last page of an Ogg file promises more bytes than there are (RFC 3533, section 6)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16) - 300))
        tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    return len(page) < 27 or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])


def _counts_frames(path: Path) -> bool:
    """Return whether the first frame of an MP3 counts its frames (Xing, Info or VBRI)."""
    with path.open("rb") as file:
        start, tag = 0, file.read(10)
        while len(tag) == 10 and tag.startswith(b"ID3"):
            start += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
            file.seek(start)
            tag = file.read(10)
        file.seek(start)
        head = file.read(4096)
    first = head[max(0, head.find(b"\xff")) :][:_XING_WITHIN]
    for name in (b"Xing", b"Info"):
        if (place := first.find(name)) >= 0:
            return len(first) > place + 7 and bool(first[place + 7] & 1)
    return b"VBRI" in first
