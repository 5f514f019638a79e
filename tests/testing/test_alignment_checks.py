"""The checks of readers of alignments: ours pass them all, one with a fault fails the check of that fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.alignment.lab import read_lab
from vqspeech.registry import lookup
from vqspeech.registry.specs import AlignmentSpec
from vqspeech.testing import alignment_checks
from vqspeech.testing.alignments import CHECKS, AlignmentSubject
from vqspeech.testing.speech import _text_grid

PHONES = ((0.0, 0.25, "sil"), (0.25, 0.5, "aa"), (0.5, 1.0, "t"))
LAB = "0 2500000 pau\n2500000 5000000 aa\n5000000 10000000 t\n"


@alignment_checks("lab", LAB, PHONES)
def test_lab(check):
    check()


@alignment_checks("phn", "0 4000 h#\n4000 8000 aa\n8000 16000 t\n", PHONES)
def test_phn(check):
    check()


@alignment_checks("textgrid", _text_grid([(0.0, 0.25, ""), *PHONES[1:]]), PHONES)
def test_textgrid(check):
    check()


def in_milliseconds(path):
    return Alignment(tuple(Interval(p.start_s * 1000, p.end_s * 1000, p.label) for p in read_lab(path).phones))


def overlapping(path):
    return Alignment(tuple(Interval(0.0, p.end_s, p.label) for p in read_lab(path).phones))


def pauses_as_they_are(path):
    return Alignment(tuple(Interval(p.start_s, p.end_s, p.label.replace("sil", "pau")) for p in read_lab(path).phones))


def only_utf8(path):
    rows = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return Alignment(tuple(Interval(int(start) / 1e7, int(end) / 1e7, label) for start, end, label in rows))


def lenient(path):
    try:
        return read_lab(path)
    except Exception:
        return Alignment(())


def careless(path):
    rows = [line.split() for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines()]
    return Alignment(tuple(Interval(int(row[0]) / 1e7, int(row[1]) / 1e7, row[2]) for row in rows))


FAULTS = {
    "example": [(in_milliseconds, "expected 0.0000 to 0.2500 s")],
    "intervals": [(overlapping, "overlaps"), (pauses_as_they_are, "'pau' is silence")],
    "encodings": [(only_utf8, "a byte order mark|UTF-16|blank lines")],
    "unusable_file": [(lenient, "is read as 0 phones"), (careless, "FileNotFoundError")],
    "torn_file": [(careless, "cut off at character")],
}


def test_every_check_has_a_fault_that_it_finds():
    assert {check.__name__ for check in CHECKS} == set(FAULTS) | {"suffixes"}


@pytest.mark.parametrize(
    ("name", "reader", "message"), [(name, *case) for name, cases in FAULTS.items() for case in cases]
)
def test_a_faulty_reader_fails_the_check_meant_for_it(name, reader, message, monkeypatch):
    monkeypatch.setattr(lookup, "get", lambda kind, of: reader)
    (check,) = (check for check in CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(AlignmentSubject("lab", LAB, PHONES))


@pytest.mark.parametrize("suffixes", [(".LAB",), ("lab",), ()])
def test_suffixes_that_nobody_would_find(suffixes, monkeypatch):
    spec = AlignmentSpec(name="lab", target=read_lab, summary="", suffixes=suffixes)
    monkeypatch.setattr(lookup, "spec", lambda kind, of: spec)
    (check,) = (check for check in CHECKS if check.__name__ == "suffixes")
    with pytest.raises(AssertionError, match="suffix"):
        check(AlignmentSubject("lab", LAB, PHONES))
