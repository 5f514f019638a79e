"""Item files: which triphones there are, and how a line is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError
from vqspeech.units.items import Triphone, comparable, triphones, write_items


def table(frames: int = 10, name: str = "u1", speaker: str = "anna") -> CodeTable:
    codes = np.zeros((1, frames), np.int64)
    row = UtteranceCodes(id=name, speaker=speaker, split="", path="", n_samples=frames * 640, codes=codes)
    return CodeTable(sample_rate=16000, hop_samples=640, codebook_sizes=(4,), rows=(row,))


def phones(*rows: tuple[float, float, str]) -> dict[str, Alignment]:
    return {"u1": Alignment(tuple(Interval(*row) for row in rows))}


FOUR = ((0.0, 0.1, "s"), (0.1, 0.2, "aa"), (0.2, 0.3, "t"), (0.3, 0.4, "iy"))


def test_a_triphone_spans_its_neighbours() -> None:
    first, second = triphones(table(), phones(*FOUR))
    assert first == Triphone(
        file="u1", onset_us=0, offset_us=300_000, phone="aa", before="s", behind="t", speaker="anna"
    )
    assert (second.phone, second.onset_us, second.offset_us) == ("t", 100_000, 400_000)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((*FOUR[:3], (0.3, 0.4, "sil")), ["aa"]),
        ((*FOUR[:3], (0.31, 0.4, "iy")), ["aa"]),
        ((*FOUR[:3], (0.3004, 0.4, "iy")), ["aa", "t"]),
        # The last centre of ten codes is at 0.38 s, and the next would be at 0.42 s.
        ((*FOUR[:3], (0.3, 0.419, "iy")), ["aa", "t"]),
        ((*FOUR[:3], (0.3, 0.42, "iy")), ["aa"]),
        # Between the centres 0.02 and 0.06 s there is no code.
        (((0.021, 0.03, "s"), (0.03, 0.04, "aa"), (0.04, 0.059, "t")), []),
        (FOUR[:2], []),
    ],
)
def test_silence_gaps_and_missing_codes_end_triphones(
    rows: tuple[tuple[float, float, str], ...], expected: list[str]
) -> None:
    assert [one.phone for one in triphones(table(), phones(*rows))] == expected


def test_lines_are_those_of_zerospeech(tmp_path: Path) -> None:
    path = tmp_path / "t.item"
    items = triphones(table(name="u 1", speaker=""), {"u 1": phones(*FOUR)["u1"]})
    write_items(items, path)
    assert path.read_text().splitlines() == [
        "#file onset offset #phone prev-phone next-phone speaker",
        '"u 1" 0.000000 0.300000 aa s t unknown',
        '"u 1" 0.100000 0.400000 t aa iy unknown',
    ]
    with pytest.raises(InputError, match=r"t\.item exists"):
        write_items(items[:1], path)


def item(phone: str, speaker: str, before: str = "s") -> Triphone:
    return Triphone(file="u", onset_us=0, offset_us=1, phone=phone, before=before, behind="t", speaker=speaker)


@pytest.mark.parametrize(
    ("items", "within", "across"),
    [
        ([item("aa", "a"), item("aa", "a"), item("iy", "a")], True, False),
        ([item("aa", "a"), item("iy", "a"), item("aa", "b")], False, True),
        ([item("aa", "a"), item("aa", "a"), item("iy", "a", "z")], False, False),
        ([item("aa", "a"), item("aa", "b"), item("iy", "c")], False, False),
        ([], False, False),
    ],
)
def test_what_can_be_compared(items: list[Triphone], within: bool, across: bool) -> None:
    assert (comparable(items, across=False), comparable(items, across=True)) == (within, across)
