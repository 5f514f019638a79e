"""Tables of recordings in CSV: each row of the file is a row, or the table is refused."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import numpy as np
import soundfile
from fuzzing import Target, mutated_bytes

from vqspeech.corpora import folder as folders
from vqspeech.corpora.table import read_rows

TOKENS = (
    '"', '""', '"a\nb"', "\n", "\r", "\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x00", "\x1b[2J", ",",
    ";", "\t", "|", ".", "..", "/", "../../up", "~", "\\", "x" * 300, "x" * 140_000, "=1+1", "\ufeff", "王芳", "é",
    "test", "train", "\u202e", "1e999", "NaN", "sep=;\n", "path,speaker\n",
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252", "utf-32")
SPEAKERS = ("ann", "bob", "001", "René", "Renè", "王芳", "李雷")


def base(folder: Path) -> list[str]:
    """Write six recordings; return their paths."""
    paths = []
    for number in range(6):
        paths.append(folder / f"{number}.wav")
        soundfile.write(paths[-1], 0.1 * np.ones(200), 16000)
    return [str(path) for path in paths]


def case(paths: list[str], draw: Random, folder: Path) -> None:
    """Write a table with odd values, characters, bytes or an odd encoding; read the corpus."""
    delimiter = draw.choice(",;\t|")
    rows = [["path", "speaker", "text", "split", "id"]]
    rows += [[path, draw.choice(SPEAKERS), "so he said", "", ""] for path in paths]
    for _ in range(draw.choice((0, 1, 1, 2))):
        row = draw.randrange(len(rows))
        column = draw.randrange(5)
        old = rows[row][column]
        place = draw.randint(0, len(old))
        rows[row][column] = draw.choice((draw.choice(TOKENS), old[:place] + draw.choice(TOKENS) + old[place:]))
    text = draw.choice(("\n", "\r\n", "\r")).join(delimiter.join(row) for row in rows)
    content = text.encode(draw.choice(ENCODINGS), "replace")
    table = folder / "metadata.csv"
    table.write_bytes(mutated_bytes(content, draw) if draw.random() < 0.4 else content)
    read = read_rows(table)
    corpus = folders.read(folder)
    ids = [one.id for one in corpus.utterances]
    assert len(set(ids)) == len(ids), "ids occur twice"
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", one) for one in ids), "an id is no file name"
    assert len(ids) + len(corpus.skipped) == len(read), "a row is neither used nor skipped"
    whole = table.read_bytes()
    known = whole.decode("utf-16" if whole[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    if '"' not in known:
        lines = [line for line in re.split(r"\r\n|\r|\n", known) if line.strip(" \t\xa0\u3000,;|")]
        header = 2 if re.match(r"sep=[,;\t|](?:\r|\n|$)", known) else 1
        assert len(read) == len(lines) - header, "another number of rows than lines"
    for one in corpus.utterances:
        assert one.speaker in known, "a speaker whom the table does not name"
        assert any(one.path.samefile(path) for path in paths), "a recording that the table does not name"


TARGETS = [Target(name="tables of recordings", base=base, case=case, cases=300)]
