"""`vqspeech export` says what it wrote, what changed, and what the card lacks."""

from __future__ import annotations

import pytest
from tiny import save_codec
from typer.testing import CliRunner

from vqspeech.cli.main import app
from vqspeech.codec.load import load_speech


@pytest.fixture
def run(tmp_path):
    save_codec(tmp_path / "run")
    return tmp_path / "run"


def export(*words):
    return CliRunner().invoke(app, ["export", *(str(word) for word in words)])


def test_a_run_becomes_a_directory(run, tmp_path):
    result = export(run, "--out", tmp_path / "english", "--speakers", "p226, p225")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{tmp_path / 'english'} (0.0 MB)")
    assert "0 of 7500 codes of 30 s of a synthetic signal change" in result.stderr
    assert "the card lacks a licence" in result.stderr and "the card lacks results" in result.stderr
    assert load_speech(tmp_path / "english").speakers == ("p225", "p226")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--speakers", "p22"], "Did you mean 'p226'"),
        (["--speakers", ","], "no speaker is chosen"),
        (["--dtype", "bfloat16"], "give float16 or float32"),
        (["--card-notes", "none.md"], "none.md"),
        (["--results", "none.json"], "none.json"),
        (["--voices", "none.json"], "none.json"),
        (["--audio", "none.wav"], "none.wav"),
        (["--onnx", "--push", "ann/voices"], "--push is for an export without --onnx"),
    ],
)
def test_bad_input_is_one_paragraph_and_writes_nothing(run, tmp_path, words, message):
    result = export(run, "--out", tmp_path / "english", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "english").exists()


def test_a_folder_with_other_files_is_refused_before_the_model_is_loaded(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    (tmp_path / "untrained").mkdir()
    result = export(tmp_path / "untrained", "--out", tmp_path)
    assert result.exit_code == 2
    assert "thesis.tex" in result.stderr
