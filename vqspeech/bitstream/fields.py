"""Fields of a bitstream: whole numbers as LEB128, and texts, read from bytes that may come from a stranger."""

from __future__ import annotations

from vqspeech.errors import InputError
from vqspeech.untrusted import MOST

LONGEST_TEXT = 1024
"""Bytes of the longest text."""


class Reader:
    """Reads fields one after the other; errors name the field.

    Raises
    ------
    InputError : from every method, for bytes that are missing or values out of range
    """

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    @property
    def left(self) -> int:
        """Bytes that are not read."""
        return len(self._content) - self._at

    def take(self, count: int) -> bytes:
        """Read bytes."""
        if count > self.left:
            raise InputError(f"it is damaged: {count} bytes are missing after byte {self._at}")
        self._at += count
        return self._content[self._at - count : self._at]

    def number(self, name: str, least: int = 0, most: int = MOST) -> int:
        """Read a whole number from `least` to `most`."""
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if value > most or shift > 63 + 7:
                raise InputError(f"it is damaged: {name} is more than {most}")
            if not byte & 0x80:
                break
        if value < least:
            raise InputError(f"it is damaged: {name} is {value}, less than {least}")
        return value

    def text(self, name: str) -> str:
        """Read a text."""
        try:
            return self.take(self.number(f"the length of {name}", 0, LONGEST_TEXT)).decode()
        except UnicodeDecodeError:
            raise InputError(f"it is damaged: {name} is not UTF-8") from None


def put_number(out: bytearray, number: int) -> None:
    """Append a number that is not negative, as LEB128."""
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def put_text(out: bytearray, text: str) -> None:
    """Append a text after its length.

    Raises
    ------
    InputError : for a text that is too long
    """
    content = text.encode()
    if len(content) > LONGEST_TEXT:
        raise InputError(f"the name {text[:40]!r}... is longer than {LONGEST_TEXT} bytes; give a shorter one")
    put_number(out, len(content))
    out += content
