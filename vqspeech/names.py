"""File names made of ids, speakers and other text that vqspeech did not choose."""

from __future__ import annotations

import hashlib
import os
import re

NAME_BYTES = 255
"""Longest file name of common file systems, in bytes."""

_UNUSABLE = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Separators of folders, control characters, line separators, and bytes that are not UTF-8."""


def file_name(text: str, suffix: str = "") -> str:
    """Return the name of a file or folder for an id, a speaker, or a combination of them.

    The only rule from such texts to names of files: joined to a folder, the name lies in that folder and nowhere else.
    A text that is a file name is returned as it is. In other texts, unusable characters become ``_``, long ones are
    cut, and eight digits of a hash of the whole text are appended, so that different texts get different names.

    Parameters
    ----------
    text : for example ``"p226_001-p225"`` or ``"../p225"``
    suffix : ending of the name, such as ``".wav"``

    Examples
    --------
    >>> file_name("p226", ".wav")
    'p226.wav'
    >>> file_name("../p226", ".wav")
    '.._p226~61b0b6ed.wav'
    """
    plain = _UNUSABLE.sub("_", text)
    if plain in ("", ".", ".."):
        plain = "_"
    if plain == text and len((plain + suffix).encode()) <= NAME_BYTES:
        return plain + suffix
    digest = "~" + short_hash(text)
    return cut(plain, NAME_BYTES - len((digest + suffix).encode())) + digest + suffix


def short_hash(text: str) -> str:
    """Return eight hexadecimal digits that tell a text from others; bytes that are not UTF-8 count."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def cut(name: str, limit: int) -> str:
    """Cut a file name to at most `limit` bytes, between characters."""
    return os.fsencode(name)[:limit].decode("utf-8", "ignore")
