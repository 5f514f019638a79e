"""`vqspeech live`."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from fake_sounddevice import Fake
from live_model import build_run
from tiny import save_codec
from typer.testing import CliRunner
from voiced import speech

from vqspeech import audio
from vqspeech.cli.main import app


def vqspeech(*words):
    return CliRunner().invoke(app, ["live", *(str(word) for word in words)])


@pytest.fixture(autouse=True)
def threads():
    """The command computes in one thread; other tests in as many as before."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def run(tmp_path):
    return build_run(tmp_path / "run")


@pytest.fixture
def recording(tmp_path):
    audio.write(tmp_path / "in.wav", 0.5 * speech(1.1), 16000)
    return tmp_path / "in.wav"


def test_a_recording_is_converted_without_delay(run, recording, tmp_path):
    out = tmp_path / "out.wav"
    done = vqspeech(run, "--speaker", "p226", "--file", recording, "--out", out)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{out}\n" and "real-time factor" in done.stderr and "0 drops" in done.stderr
    converted = audio.read(out, 16000)
    assert len(converted) == len(audio.read(recording, 16000)) and np.abs(converted).max() > 0.05
    again = tmp_path / "again.flac"
    assert vqspeech(run, "--speaker", "p226", "--file", recording, "--out", again).exit_code == 0
    np.testing.assert_array_equal(audio.read(again, 16000), converted)


def test_a_recording_at_the_pace_of_a_microphone(run, recording, tmp_path):
    out = tmp_path / "out.wav"
    words = ("--speaker", "p226", "--file", recording, "--out", out, "--pace", "--buffer", 0.5)
    done = vqspeech(run, *words)
    assert done.exit_code == 0, done.output
    assert "own delay 680 ms" in done.stderr
    assert audio.probe(out).duration_s == pytest.approx(1.1 + 0.68, abs=0.011)


def test_microphone_to_loudspeaker(run, monkeypatch):
    fake = Fake(0.5 * speech(1.0), rates=(48000,))
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    done = vqspeech(run, "--speaker", "p226", "--seconds", 0.8, "--input", "micro", "--output", "0")
    assert done.exit_code == 0, done.output
    assert "'Micro phone' to 'Loud speaker', own delay 284 ms" in done.stderr
    assert "the devices add 30 ms" in done.stderr and np.abs(np.concatenate(fake.played)).max() > 0.001
    listed = vqspeech("--list-devices")
    assert listed.exit_code == 0 and "Micro phone" in listed.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--speaker", "p999", "--file", "IN", "--out", "OUT"), "unknown speaker 'p999'"),
        (("--speaker", "p226", "--file", "IN"), "--file and --out belong together"),
        (("--speaker", "p226", "--out", "OUT"), "--file and --out belong together"),
        (("--speaker", "p226", "--pace"), "--pace is for a recording"),
        (("--speaker", "p226", "--file", "IN", "--out", "OUT", "--input", "1"), "without --input"),
        (("--speaker", "p226", "--file", "IN", "--out", "IN"), "the input itself"),
        (("--speaker", "p226", "--file", "nothing.wav", "--out", "OUT"), "nothing.wav"),
        (("--speaker", "p226", "--file", "TEXT", "--out", "OUT"), "text.wav"),
        (("--speaker", "p226", "--file", "IN", "--out", "TEXT"), "text.wav"),
        (("--speaker", "p226", "--file", "IN", "--out", "OUT", "--ahead", "-1"), "0 to 10 s ahead"),
        (("--speaker", "p226", "--file", "IN", "--out", "OUT", "--step", "0"), "steps of up to 1 s"),
        (("--speaker", "p226", "--file", "IN", "--out", "OUT", "--ahead", "nan"), "0 to 10 s ahead"),
    ],
)
def test_bad_input(run, recording, tmp_path, words, says):
    (tmp_path / "text.wav").write_text("no sound")
    names = {"IN": recording, "OUT": tmp_path / "out.wav", "TEXT": tmp_path / "text.wav"}
    done = vqspeech(run, *(names.get(word, word) for word in words))
    assert done.exit_code == 2 and says in done.stderr, done.output
    assert done.stderr.count("\n") == 1 and not (tmp_path / "out.wav").exists()
    assert (tmp_path / "text.wav").read_text() == "no sound"


def test_no_microphone_and_a_decoder_that_cannot_stream(run, recording, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", Fake(microphone=False))
    done = vqspeech(run, "--speaker", "p226")
    assert done.exit_code == 2 and "no microphone found" in done.stderr
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    done = vqspeech(run, "--speaker", "p226")
    assert done.exit_code == 2 and "pip install 'vqspeech[live]'" in done.stderr
    save_codec(tmp_path / "wavenet")
    words = ("--speaker", "p226", "--file", recording, "--out", tmp_path / "out.wav")
    done = vqspeech(tmp_path / "wavenet", *words)
    assert done.exit_code == 2 and "decoder 'wavenet'" in done.stderr and not (tmp_path / "out.wav").exists()
