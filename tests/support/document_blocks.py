"""Code of the documents: fenced blocks and commands in back quotes, each with the page that holds it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATTERNS = ("*.md", "docs/**/*.md", "benchmarks/*.md", "recipes/**/*.md", "plugins/*/*.md")
PAGES = sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern)} - {ROOT / "CHANGELOG.md"})
"""All documents but the changelog, which also tells of what is no longer there."""

ENDS = frozenset({"&&", "||", "|", ";", "&"})
"""Words of a shell that end a command."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    page: str
    language: str
    text: str

    @property
    def title(self) -> str:
        first = next((line for line in self.text.splitlines() if line.strip()), "")
        return f"{self.page}: {first[:50]}"


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks in these languages; ``""`` for those that name none."""
    found = []
    for path in PAGES:
        for language, text in re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S):
            if language in languages:
                found.append(Block(path.relative_to(ROOT).as_posix(), language, text))
    return found


def shell_lines() -> Iterator[tuple[str, str]]:
    """Lines of shell in fenced blocks, with their page; those that end in a backslash are joined with the next."""
    for block in blocks("", "bash", "sh"):
        yield from ((block.page, line) for line in block.text.replace("\\\n", " ").splitlines())


def inline_lines() -> Iterator[tuple[str, str]]:
    """Commands in back quotes, with their page; a sentence may name a command without its arguments."""
    for path in PAGES:
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
        page = path.relative_to(ROOT).as_posix()
        yield from ((page, " ".join(code.split())) for code in re.findall(r"`((?:vqspeech|pip|python) [^`]+)`", text))


def words(line: str) -> list[list[str]]:
    """The simple commands of a line of shell, as words without the comment; none for a line that is no shell."""
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        tokens = list(lexer)
    except ValueError:
        return []
    commands: list[list[str]] = [[]]
    for token in tokens:
        if token in ENDS:
            commands.append([])
        else:
            commands[-1].append(token)
    return [command for command in commands if command]


def vqspeech_commands(lines: Iterator[tuple[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    """Every invocation of vqspeech in lines of shell: page, words after ``vqspeech``."""
    found = set()
    for page, line in lines:
        for command in words(line):
            # srun bash -c '...' holds a command of its own.
            inner = words(command[-1]) if command[:3] == ["srun", "bash", "-c"] else [command]
            for one in inner:
                if "vqspeech" in one and one[0] in ("vqspeech", "torchrun", "srun", "$", "OMP_NUM_THREADS=1"):
                    found.add((page, tuple(one[one.index("vqspeech") + 1 :])))
    return sorted(found)
