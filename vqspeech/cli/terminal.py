"""What commands print: names from files can neither steer a terminal nor end a command.

Names of speakers, plugins and files come from checkpoints, tables and folders of anybody.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vqspeech.untrusted import printable_lines

_REDRAWN = ("\r\x1b[2K", "\r")
"""Beginnings of a progress line that replaces the one before, see `vqspeech.progress`."""


class EscapedStream:
    """A text stream that escapes control characters, and characters that its encoding lacks.

    Parameters
    ----------
    stream : the stream to write to
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)

    @property
    def encoding(self) -> str:
        """One that has every character, since `write` escapes those that the stream lacks."""
        return "utf-8"

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        if not isinstance(text, str):
            return int(self._stream.write(text))
        begin = next((one for one in _REDRAWN if text.startswith(one)), "")
        shown = begin + printable_lines(text[len(begin) :])
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write texts, one after the other."""
        for line in lines:
            self.write(line)


@contextmanager
def escaped_output() -> Iterator[None]:
    """Escape what the block prints on standard output and standard error."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (EscapedStream(stream) if stream is not None else None for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
