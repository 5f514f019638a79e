"""``vqspeech evaluate`` with an untrained model and a judge without models."""

import csv
import json

import numpy as np
import pytest
from fake_judge import fake_judge, tone
from tiny import save_codec
from typer.testing import CliRunner

from vqspeech import audio
from vqspeech.analysis.listening.judge.judge import Judge
from vqspeech.cli.main import app
from vqspeech.errors import InputError


def invoke(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(autouse=True)
def judge(monkeypatch):
    made = fake_judge("one two three")
    monkeypatch.setattr(Judge, "installed", lambda *_, **__: made)
    return made


@pytest.fixture
def run(tmp_path):
    save_codec(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def recordings(tmp_path):
    """Two utterances of a stranger, two of a voice of the model, one too short."""
    folder = tmp_path / "recordings"
    for name, hertz, seconds in (
        ("ann/a1", 120, 1.1), ("ann/a2", 130, 1.2), ("ann/short", 100, 0.1), ("p225/b1", 240, 1.0),
        ("p225/b2", 250, 1.0),
    ):  # fmt: skip
        audio.write(folder / f"{name}.wav", tone(hertz, 0.1, seconds), 16000)
        (folder / f"{name}.txt").write_text("One two three four.\n")
    return folder


def results(out):
    return json.loads((out / "results.json").read_text())


def row(found, kind, voice=None):
    (one,) = [one for one in found["rows"] if (one["kind"], one["voice"]) == (kind, voice)]
    return one


def test_unheard_speakers_are_converted_and_judged(run, recordings, tmp_path):
    out = tmp_path / "out"
    result = invoke("evaluate", run, recordings, "--out", out)
    assert result.exit_code == 0, result.output
    found = results(out)
    assert {one["speaker"] for one in found["clips"]} == {"ann"}
    assert {one["kind"] for one in found["rows"]} == {
        "original", "conversion", "codes of another utterance", "source, unchanged",
    }  # fmt: skip
    conversion = row(found, "conversion")
    assert conversion["clips"] == 4
    assert conversion["measures"]["wer"]["value"] == pytest.approx(1 / 4)
    assert conversion["measures"]["dnsmos"]["value"] == 3.0
    assert "2 utterances by 1 speakers that the model heard" in result.stderr
    assert "1 recordings are shorter" in result.stderr
    # p225 has recordings here, p226 has none anywhere
    assert row(found, "conversion", "p225")["measures"]["similarity_target"]["value"] is not None
    assert "--voices" in row(found, "conversion", "p226")["measures"]["similarity_target"]["reason"]
    assert result.stdout.splitlines()[-1] == str((out / "report" / "index.html").absolute())
    page = (out / "report" / "index.html").read_text()
    assert "one two three" in page
    assert page.count("<audio") == 2 * 3


def test_the_list_for_other_judges_names_every_clip(run, recordings, tmp_path):
    out = tmp_path / "out"
    assert invoke("evaluate", run, recordings, "--speakers", "p225", "--out", out).exit_code == 0
    with (out / "judge-list.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {one["kind"] for one in rows} == {
        "original", "source, unchanged to p225", "run: conversion to p225",
        "run: codes of another utterance to p225",
    }  # fmt: skip
    for one in rows:
        assert (out / one["path"]).is_file()
        assert one["text"] == "One two three four."
        assert all((out / target).is_file() for target in one["target"].split(";") if one["kind"] != "original")
    assert len(rows) == len(results(out)["clips"])


def test_own_voices_are_resynthesised(run, recordings, tmp_path):
    out = tmp_path / "out"
    result = invoke("evaluate", run, recordings, "--sources", "heard", "--speakers", "p226", "--out", out)
    assert result.exit_code == 0, result.output
    found = results(out)
    assert found["data"]["heard_in_training"] is True
    resynthesis = row(found, "resynthesis", "p225")
    assert resynthesis["clips"] == 2
    assert row(found, "conversion", "p226")["clips"] == 2


def test_two_runs_share_originals_and_are_compared(run, recordings, tmp_path):
    save_codec(tmp_path / "other")
    out = tmp_path / "out"
    result = invoke("evaluate", run, recordings, "--compare", tmp_path / "other", "--speakers", "p225", "--out", out)
    assert result.exit_code == 0, result.output
    found = results(out)
    assert sum(one["kind"] == "original" for one in found["rows"]) == 1
    assert [one["run"] for one in found["rows"] if one["kind"] == "conversion"] == ["run", "other"]
    assert {one["run"] for one in found["differences"]} == {"other"}


def test_earlier_evaluations_are_merged(run, recordings, tmp_path):
    for name in ("one", "two"):
        assert invoke("evaluate", run, recordings, "--speakers", "p225", "--out", tmp_path / name).exit_code == 0
    out = tmp_path / "merged"
    result = invoke("evaluate", "--table", tmp_path / "one", "--table", tmp_path / "two", "--out", out)
    assert result.exit_code == 0, result.output
    found = results(out)
    assert [one["run"] for one in found["rows"] if one["kind"] == "conversion"] == ["run", "run-2"]
    assert next(one for one in found["differences"] if one["kind"] == "conversion")["measures"]["wer"]["value"] == 0
    assert (out / "report" / "index.html").is_file()
    assert found["notes"] == results(tmp_path / "one")["notes"]


def test_a_merged_table_says_when_utterances_differ(run, recordings, tmp_path):
    for name, count in (("one", 1), ("two", 2)):
        words = ["--speakers", "p225", "--utterances", count, "--out", tmp_path / name]
        assert invoke("evaluate", run, recordings, *words).exit_code == 0
    tables = ["--table", tmp_path / "one", "--table", tmp_path / "two"]
    assert invoke("evaluate", *tables, "--out", tmp_path / "merged").exit_code == 0
    assert any("different utterances, 1 are in all" in note for note in results(tmp_path / "merged")["notes"])


def test_the_data_of_the_run_is_the_default(run, tmp_path):
    result = invoke("evaluate", run, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--corpus" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_second_evaluation_replaces_the_first_and_nothing_else(run, recordings, tmp_path):
    out = tmp_path / "out"
    for seed in (0, 1):
        result = invoke("evaluate", run, recordings, "--seed", seed, "--utterances", 1, "--out", out)
        assert result.exit_code == 0
    assert len(list((out / "clips" / "original").iterdir())) == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    result = invoke("evaluate", run, recordings, "--out", tmp_path / "mine")
    assert result.exit_code == 2
    assert "not empty" in result.stderr
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"


def test_clips_are_kept_when_judging_fails(run, recordings, tmp_path, judge, monkeypatch):
    def fail(waveform):
        raise InputError("the recogniser has no ears")

    monkeypatch.setattr(judge.recogniser, "transcribe", fail)
    out = tmp_path / "out"
    result = invoke("evaluate", run, recordings, "--speakers", "p225", "--out", out)
    assert result.exit_code == 2
    assert "no ears" in result.stderr
    assert "judge-list.csv" in result.stderr
    assert len(list((out / "clips").rglob("*.wav"))) == 4
    assert not (out / "results.json").exists()


def test_json_is_printed_alone(run, recordings, tmp_path):
    result = invoke("evaluate", run, recordings, "--speakers", "p225", "--json", "--out", tmp_path / "out")
    printed = json.loads(result.stdout)
    assert printed["rows"] == results(tmp_path / "out")["rows"]
    assert "clips" not in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--speakers", "nobody"], "nobody"),
        (["--utterances", "0"], "--utterances"),
        (["--sources", "herd"], "heard"),
        (["--corpus", "demo"], "not both"),
        (["--table", "x"], "--compare"),
        (["--set", "corpus.options.speakers=2"], "--corpus"),
        (["--engine", "warp"], "warp"),
    ],
)
def test_unusable_options_end_before_any_work(run, recordings, tmp_path, words, said):
    result = invoke("evaluate", run, recordings, "--out", tmp_path / "out", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_recordings_too_short_to_judge(run, tmp_path):
    audio.write(tmp_path / "click.wav", np.ones(1600, np.float32) * 0.1, 16000)
    result = invoke("evaluate", run, tmp_path / "click.wav", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "1 s long" in result.stderr


def test_without_the_extra_there_is_nothing_to_judge_with(run, recordings, tmp_path, monkeypatch):
    why = {"recogniser": "a recogniser needs faster-whisper: pip install 'vqspeech[judge]'"}
    nothing = Judge(recogniser=None, embedder=None, quality=None, unavailable=why)
    monkeypatch.setattr(Judge, "installed", lambda *_, **__: nothing)
    result = invoke("evaluate", run, recordings, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "pip install 'vqspeech[judge]'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_recordings_without_speech_are_named_and_columns_without_values_explained(run, tmp_path, judge, monkeypatch):
    monkeypatch.setattr(judge.recogniser, "transcribe", lambda waveform: "")
    for name, loudness in (("noise", 0.1), ("silence", 0.0)):
        audio.write(tmp_path / "found" / f"{name}.wav", tone(120, loudness, 1.1), 16000)
    result = invoke("evaluate", run, tmp_path / "found", "--speakers", "p225", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert any("hears no words in some of 2 originals, 2: " in note for note in results(tmp_path / "out")["notes"])
    said = " ".join(result.stdout.split())
    assert "WER: the text of the utterance is not known." in said
    assert "WER to original: the recogniser hears no words in the original." in said
