"""Notes for a model card: Markdown with optional YAML metadata, whose keys replace the generated ones."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from vqspeech.errors import InputError

FILE = "card-notes.md"
"""Name of the notes in a run directory; recipes write it."""


@dataclass(frozen=True)
class Notes:
    """Notes of whoever publishes a model.

    Parameters
    ----------
    metadata : top-level key -> its YAML lines
    text : Markdown
    voices : speaker id -> a line on the voice; the key ``voices`` of the metadata
    """

    metadata: dict[str, str] = field(default_factory=dict)
    text: str = ""
    voices: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Notes:
        """Read notes from a file.

        Raises
        ------
        InputError : when it cannot be read, or its metadata are not closed or not of the form ``key: value``
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the notes {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
        if not text.startswith("---\n"):
            return cls(text=text.strip())
        head, closed, body = text[4:].partition("\n---\n")
        if not closed:
            raise InputError(f"{path} begins with --- and has no second line --- that ends the metadata")
        metadata = _blocks(head, path)
        voices = _voices(metadata.pop("voices", ""), path)
        return cls(metadata=metadata, text=body.strip(), voices=voices)


def _blocks(head: str, path: Path) -> dict[str, str]:
    blocks: dict[str, str] = {}
    key = ""
    for line in head.splitlines():
        if match := re.match(r"([\w-]+):", line):
            key = match[1]
            blocks[key] = line
        elif key and (line.startswith((" ", "-", "#")) or not line.strip()):
            blocks[key] += f"\n{line}"
        else:
            raise InputError(f"{path}: the metadata hold {line!r}; write key: value, and lists indented")
    return blocks


def _voices(block: str, path: Path) -> dict[str, str]:
    """Read the lines ``  ID: text`` below ``voices:``."""
    voices: dict[str, str] = {}
    for line in block.splitlines()[1:]:
        speaker, colon, text = line.strip().partition(":")
        if not colon or not speaker or not text.strip():
            raise InputError(f"{path}: voices holds {line!r}; write ID: a line on the voice, indented")
        voices[speaker.strip("\"'")] = text.strip().strip("\"'")
    return voices
