"""Text of label files in every encoding, and numbers, times and labels out of range."""

import os

import pytest

from vqspeech.alignment.base import Interval
from vqspeech.alignment.intervals import fields_of, number_of, read_text, to_alignment
from vqspeech.errors import InputError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_the_same_in_every_encoding_and_with_every_line_end(tmp_path, encoding, end):
    (tmp_path / "a.phn").write_bytes(f"0\t1  caf\u00e9\xa0x{end}{end}2 3 b{end}\x1a".encode(encoding))
    assert list(fields_of(tmp_path / "a.phn")) == [(1, ["0", "1", "caf\u00e9\xa0x"]), (3, ["2", "3", "b"])]


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c"])
def test_signs_that_are_no_line_ends_end_no_line(tmp_path, sign):
    (tmp_path / "a.phn").write_text(f"0 1 a{sign}b\n", encoding="utf-8")
    assert list(fields_of(tmp_path / "a.phn")) == [(1, ["0", "1", f"a{sign}b"])]


def test_damaged_utf16_folders_and_pipes_are_refused(tmp_path):
    (tmp_path / "a.lab").write_bytes("0 1 a".encode("utf-16")[:-1])
    os.mkfifo(tmp_path / "pipe.lab")
    for name, why in (("a.lab", "damaged UTF-16"), ("pipe.lab", "no regular file"), (".", "no regular file")):
        with pytest.raises(InputError, match=why):
            read_text(tmp_path / name)


@pytest.mark.parametrize(
    "text", ["nan", "inf", "1_0", "\u0661", "", "1e", "0x1", "1e9999", "1.2.3", "9" * 300_000 + "x"]
)
def test_what_is_no_plain_decimal_number_is_refused(text):
    with pytest.raises(ValueError):
        number_of(text)


@pytest.mark.parametrize("start_s, end_s", [(-0.002, 1.0), (0.0, 1e8), (0.0, float("inf")), (float("nan"), 1.0)])
def test_times_out_of_range_are_refused(start_s, end_s):
    with pytest.raises(InputError, match=r"u\.lab.*'a'.*impossible"):
        to_alignment([(start_s, end_s, "a")], "u.lab")


def test_a_start_just_before_zero_is_rounding():
    assert to_alignment([(-1e-17, 0.5, "a")], "u.lab").phones == (Interval(0.0, 0.5, "a"),)


@pytest.mark.parametrize("label", ["\x8e", "a\x1b[31m", "\x00"])
def test_control_characters_in_labels_are_refused(label):
    with pytest.raises(InputError, match=r"u\.lab.*UTF-8"):
        to_alignment([(0.0, 0.5, label)], "u.lab")
