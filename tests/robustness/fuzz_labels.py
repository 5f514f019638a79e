"""Label files: TextGrid in both forms, .lab in three, .phn, .wrd and .ctm."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from random import Random

from fuzzing import Target, mutated_bytes

from vqspeech.alignment.base import SILENCE, SILENCE_LABELS, Alignment, Interval
from vqspeech.alignment.ctm import read_ctm_utterances
from vqspeech.alignment.intervals import LONGEST_S
from vqspeech.alignment.lab import read_lab
from vqspeech.alignment.textgrid import Tier, read_textgrid, write_textgrid
from vqspeech.alignment.timit import read_phn, read_wrd

ROWS = ((0.0, 0.25, ""), (0.25, 0.5, "HH_B"), (0.5, 0.75, "AY1_E"), (0.75, 1.0, "S_S"), (1.0, 1.5, "sil"))
VALUES = (
    "nan", "inf", "-inf", "-1", "-0.0", "0", "1e400", "1e999", "1" * 400, "1" * 5000, "9" * 17, "2147483648", "0,5",
    ".5", "5.", "1_0", "0x10", "\u0661", "1e-400", "1e8", "0.0000001", "*", "", "!", '"', '""', "<exists>", "#", "h#",
    "$x^$", "a-b+c", "a^b-c+d=e/A:1", "x[2]", "x[99999]", "t_B", "\x1b[2J", "\x00", "\x85", "\u2028", "\ud7ff", "\x1a",
    "..", "-" * 5000,
)  # fmt: skip
"""Words that may stand for a number or a label."""
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")

Read = Callable[[Path], Iterable[Interval]]


def _textgrid(folder: Path, form: str) -> str:
    words = Tier("words", ((0.25, 0.75, 'say "hi" ! 1.5'),))
    tiers = [words, Tier("phones", ROWS), Tier("marks", ((0.3, 0.3, "x"),), points=True)]
    write_textgrid(folder / "a.TextGrid", tiers, 1.5, form="short" if form == "short" else "long")
    return (folder / "a.TextGrid").read_text()


def _lines(form: str) -> str:
    rows = [(start, end, label or "sil") for start, end, label in ROWS]
    full = "x^x-{}+y=z@1_2/A:0_0_0/B:1-1-4@1-1&0-40|pau/C:1+1+3"
    return "\n".join(
        {
            "lab": f"{start * 1e7:.0f} {end * 1e7:.0f} {label} -12.5",
            "hts": f"   {start * 1e7:.0f} {end * 1e7:.0f} {full.format(label)}",
            "xlabel": f"{end:.4f} 121 {label}",
            "phn": f"{start * 16000:.0f} {end * 16000:.0f} {label}",
            "ctm": f"u{int(start > 0.5)} 1 {start:.2f} {end - start:.2f} {label} 0.9",
        }[form]
        for start, end, label in rows
    )


def _ctm(path: Path) -> list[Interval]:
    refused: dict[str, str] = {}
    alignments = read_ctm_utterances(path, refused)
    assert alignments, "no utterance and no error"
    assert not alignments.keys() & refused.keys(), "used and refused"
    assert all(refused.values()), "refused without a reason"
    return [phone for alignment in alignments.values() for phone in _right(alignment).phones]


def _right(alignment: Alignment) -> Alignment:
    end_s = 0.0
    for phone in alignment.phones:
        assert end_s <= phone.start_s < phone.end_s <= LONGEST_S, f"{phone} overlaps, is empty or out of range"
        end_s = phone.end_s
        assert phone.label == SILENCE or phone.label.lower() not in SILENCE_LABELS, f"silence {phone.label!r}"
        control = [sign for sign in phone.label if unicodedata.category(sign) == "Cc" and sign not in "\t\r\n"]
        assert phone.label and not control, f"the label {phone.label!r} cannot be shown"
    assert alignment.phones, "no phones and no error"
    return alignment


def _words(path: Path) -> tuple[Interval, ...]:
    words = read_wrd(path)
    for word in words:
        assert 0 <= word.start_s <= word.end_s <= LONGEST_S, f"{word} is out of range"
        assert math.isfinite(word.end_s)
    return words


def _case(suffix: str, read: Read, text: str, draw: Random, folder: Path) -> None:
    """Change words, lines, bytes or the encoding; what changes nothing must be read as before."""
    path, kind = folder / f"u0{suffix}", draw.random()
    if kind < 0.1:
        path.write_bytes(text.encode())
        wanted = list(read(path))
        end, encoding = draw.choice(("\n", "\r\n", "\r")), draw.choice(ENCODINGS)
        path.write_bytes((text + "\n" * draw.randrange(3)).replace("\n", end).encode(encoding))
        assert list(read(path)) == wanted, f"read otherwise in {encoding} with the line ends {end!r}"
        return
    if kind < 0.55:
        words = re.split(r"(\s+)", text)
        for _ in range(draw.choice((1, 1, 2, 5))):
            words[draw.randrange(len(words))] = draw.choice((*VALUES, *words[:40]))
        content = "".join(words).encode(draw.choice((*ENCODINGS, "latin-1")), errors="replace")
    elif kind < 0.7:
        lines = text.splitlines()
        for _ in range(draw.choice((1, 1, 3))):
            place = draw.randrange(len(lines))
            draw.choice((lines.insert, lines.__setitem__))(place, draw.choice((*lines, *VALUES)))
        content = "\n".join(lines).encode()
    elif kind < 0.72:
        head = text[: draw.randrange(len(text))]
        content = (head + draw.choice(('"', "1", "1.", "!", "a", "-a+", '""', " 1", "1e")) * 50_000).encode()
    else:
        content = mutated_bytes(text.encode(draw.choice(ENCODINGS)), draw)
    path.write_bytes(content)
    list(read(path))


def _aligned(read: Callable[[Path], Alignment]) -> Read:
    return lambda path: _right(read(path)).phones


def _target(name: str, suffix: str, make: Callable[[Path], str], read: Read) -> Target:
    return Target(name=f"labels: {name}", base=make, case=partial(_case, suffix, read), cases=250)


TARGETS = [
    _target("long TextGrid", ".TextGrid", lambda folder: _textgrid(folder, "long"), _aligned(read_textgrid)),
    _target("short TextGrid", ".TextGrid", lambda folder: _textgrid(folder, "short"), _aligned(read_textgrid)),
    _target("HTK", ".lab", lambda folder: _lines("lab"), _aligned(read_lab)),
    _target("HTS", ".lab", lambda folder: _lines("hts"), _aligned(read_lab)),
    _target("xlabel", ".lab", lambda folder: f"signal x\n#\n{_lines('xlabel')}", _aligned(read_lab)),
    _target("phn", ".phn", lambda folder: _lines("phn"), _aligned(read_phn)),
    _target("wrd", ".wrd", lambda folder: _lines("phn"), _words),
    _target("CTM", ".ctm", lambda folder: _lines("ctm"), _ctm),
]
