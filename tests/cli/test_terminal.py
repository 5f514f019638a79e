"""Streams that escape: control characters, and characters that the encoding of the terminal lacks."""

import io
import json
import sys

import pytest

from vqspeech.cli.terminal import EscapedStream, escaped_output
from vqspeech.untrusted import is_distribution, printable


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain é 漢\ttab\n", "plain é 漢\ttab\n"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("a\x7fb\x85c\u2028d", "a\\u007fb\\u0085c\\u2028d"),
        ("caf\udce9.wav", "caf\\udce9.wav"),
        ("\r\x1b[2Kencode 1/2 \x1b[2J", "\r\x1b[2Kencode 1/2 \\u001b[2J"),
        ("a\rb", "a\\u000db"),
    ],
)
def test_control_characters_are_escaped_but_for_progress(text, shown):
    stream = io.StringIO()
    assert EscapedStream(stream).write(text) == len(text)
    assert stream.getvalue() == shown


def test_what_the_encoding_lacks_is_escaped():
    raw = io.BytesIO()
    stream = EscapedStream(io.TextIOWrapper(raw, encoding="ascii"))
    stream.write("René 漢\n")
    stream.flush()
    assert raw.getvalue() == b"Ren\\xe9 \\u6f22\n"


def test_streams_are_given_back(capsys):
    before = sys.stdout
    with escaped_output():
        print("a\x07")
    assert sys.stdout is before
    assert capsys.readouterr().out == "a\\u0007\n"


def test_escapes_keep_json():
    assert json.loads(printable(json.dumps("\x9b\u202e", ensure_ascii=False))) == "\x9b\u202e"


@pytest.mark.parametrize("name", ["vqspeech", "a", "A.b_c-d", "x" * 100])
def test_names_of_distributions(name):
    assert is_distribution(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "a;b", "a\n", "é", "a/b", "git+https://x", "x" * 101, "--pre"])
def test_what_is_no_name_of_a_distribution(name):
    assert not is_distribution(name)
