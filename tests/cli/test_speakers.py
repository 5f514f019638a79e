"""`vqspeech speakers`: the listing, and the commands beside it."""

from __future__ import annotations

import json

import pytest
from tiny import save_codec
from typer.testing import CliRunner
from voiced import speech

from vqspeech import audio
from vqspeech.cli.main import app
from vqspeech.codec.load import load_speech


def vqspeech(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def run(tmp_path):
    save_codec(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def recording(tmp_path):
    audio.write(tmp_path / "me.wav", speech(8.0), 16000)
    return tmp_path / "me.wav"


def test_a_voice_is_added_listed_used_and_removed(run, recording, tmp_path):
    out = tmp_path / "mine"
    done = vqspeech("speakers", "add", run, "me", recording, "--out", out, "--steps", 3)
    assert done.exit_code == 0, done.output
    assert "8 s of speech in 1 file" in done.stderr
    assert "F0 180 Hz" in done.stderr
    assert "Warning: 8 s are little" in done.stderr and "60 s are enough" in done.stderr
    assert "nll on held-out clips" in done.stdout and f"vqspeech convert {out}" in done.stdout
    assert vqspeech("speakers", out).stdout == "p225\np226\nme    added from 8 s of speech\n"
    assert json.loads(vqspeech("speakers", "--json", out).stdout) == ["p225", "p226", "me"]
    spoken = vqspeech("convert", out, recording, "--speaker", "me", "--out", tmp_path / "out.wav")
    assert spoken.exit_code == 0, spoken.output
    assert audio.probe(tmp_path / "out.wav").duration_s == pytest.approx(8.0)
    removed = vqspeech("speakers", "remove", out, "p225", "--out", tmp_path / "fewer")
    assert removed.exit_code == 0, removed.output
    assert load_speech(tmp_path / "fewer").speakers == ("p226", "me")


def test_the_help_names_what_can_be_typed(run):
    shown = vqspeech("speakers", "--help").stdout
    assert all(word in shown for word in ("RUN", "add", "remove"))
    assert "metavar" not in shown
    assert "Usage" in vqspeech("speakers", "add", "--help").stdout


def test_errors_are_one_paragraph_with_exit_code_2(run, recording, tmp_path):
    for words, says in (
        (("add", run, "p225", recording, "--out", tmp_path / "out"), "a voice 'p225' already"),
        (("add", run, "me", tmp_path / "none.wav", "--out", tmp_path / "out"), "no such file"),
        (("remove", run, "p227", "--out", tmp_path / "out"), "unknown speaker 'p227'"),
        (("remove", run, "p225", "--out", run), "exists already"),
        ((tmp_path / "nothing",), "nothing"),
    ):
        result = vqspeech("speakers", *words)
        assert result.exit_code == 2
        assert result.stderr.startswith("Error: ") and says in result.stderr
    assert not (tmp_path / "out").exists()
