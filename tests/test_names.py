"""Ids and speakers become names of files inside one folder, different ones for different texts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqspeech.names import NAME_BYTES, cut, file_name

HOSTILE = ["", ".", "..", "../x", "/etc/x", "a/b", "a\\b", "a\0b", "a\nb", "\x1b[31m", "a\udce9", "x" * 300]
HOSTILE += ["\u8bed" * 200]


@pytest.mark.parametrize(
    "text", ["p226", "p226_001-p225", "..a", ".a", "a b", "\u65e5\u672c", "Zo\xeb", "a~b", "x" * 251]
)
def test_what_is_a_file_name_stays_as_it_is(text):
    assert file_name(text, ".wav") == f"{text}.wav"
    assert file_name(text) == text


@given(st.one_of(st.text(st.characters(codec=None)), st.sampled_from(HOSTILE)), st.sampled_from(["", ".wav", ".png"]))
def test_a_name_is_one_name_in_the_folder(text, suffix):
    name = file_name(text, suffix)
    assert Path("folder", name).parent == Path("folder") and Path(name).name == name
    assert name not in ("", ".", "..") and not set(name) & set("/\\\0\n\x1b\x7f")
    assert len(name.encode()) <= NAME_BYTES
    assert name.endswith(suffix)


def test_different_texts_have_different_names(tmp_path):
    texts = [*HOSTILE, "_", "a_b", "x" * 301, "\u8a9e" * 200, "../y"]
    names = {file_name(text, ".wav") for text in texts}
    assert len(names) == len(texts)
    for name in names:
        (tmp_path / name).touch()
    assert len(list(tmp_path.iterdir())) == len(texts)
    assert file_name("../p226", ".wav").startswith(".._p226~")


def test_names_are_cut_between_characters():
    assert cut("äöü", 3) == "ä"
    assert cut("abc", 5) == "abc"
