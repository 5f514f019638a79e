"""The stage ``judge`` of the recipe `vctk`, with an untrained model and a judge without models."""

import pytest
from fake_judge import fake_judge, tone
from tiny import save_codec

from vqspeech import audio
from vqspeech.analysis.listening.judge.judge import Judge
from vqspeech.codec.load import load_speech
from vqspeech.corpora import folder
from vqspeech.corpora.store import prepare
from vqspeech.errors import ConfigError, InputError
from vqspeech_recipes.vctk import judging
from vqspeech_recipes.vctk.judging import JudgeConfig, judge_stage, judged, judged_headlines, judged_lines


@pytest.fixture
def judge(monkeypatch):
    made = fake_judge("one two three")
    monkeypatch.setattr(Judge, "installed", lambda *_, **__: made)
    return made


@pytest.fixture
def stage(tmp_path):
    """The stage of a run with two speakers, whose two decoders are the same untrained model."""
    rows = ["path,speaker,text,split"]
    for speaker, hertz in (("p225", 120), ("p226", 240)):
        for number in range(3):
            name = f"{speaker}_{number}"
            audio.write(tmp_path / "data" / f"{name}.wav", tone(hertz, 0.1, 1.1), 16000)
            rows.append(f"{name}.wav,{speaker},One two three four.,{('train', 'test', 'test')[number]}")
    (tmp_path / "data" / "metadata.csv").write_text("\n".join(rows) + "\n")
    store = prepare(folder.read(tmp_path / "data"), tmp_path / "store", workers=1)
    save_codec(tmp_path / "run")

    def make(**config):
        return judge_stage(
            JudgeConfig(**{"utterances": 4, "conversions": 1, **config}),
            tmp_path / "judged",
            lambda: {"harmonic": load_speech(tmp_path / "run"), "wavenet": load_speech(tmp_path / "run")},
            lambda: store,
            0,
            after=("prepare", "train"),
        )

    return make


def test_decoders_are_judged_on_held_out_utterances(stage, judge, tmp_path):
    result = stage().work({})
    rows = {(row["run"], row["kind"], row["voice"]): row for row in result["rows"]}
    assert rows["", "original", None]["clips"] == 4
    for name in ("harmonic", "wavenet"):
        conversions = rows[name, "conversion", None]
        assert conversions["clips"] == 4
        assert conversions["measures"]["wer"]["value"] == pytest.approx(1 / 4)
        assert rows[name, "resynthesis", None]["clips"] == 4
        assert conversions["measures"]["similarity_target"]["value"] is not None
    assert {one["split"] for one in result["data"]["sources"]} == {"test"}
    (section,) = judging.judged_sections({"judge": result}, tmp_path / "judged")
    assert section.tables[0].rows[0][1] == "original"
    clips = [clip for row in section.players for clip in row.clips]
    assert all(clip.audio.is_file() and clip.spectrogram for clip in clips)
    assert all((clip.codes is None) == (clip.label == "original") for clip in clips)
    conversion = next(dict(clip.measures) for clip in clips if clip.label == "harmonic: conversion")
    assert (conversion["heard"], conversion["wrong words"], conversion["DNSMOS"]) == ("one two three", "1 of 4", "3.00")


def test_the_main_numbers_name_the_better_decoder(stage, judge):
    result = {"judged": judged({"judge": stage().work({})})}
    assert "clips" not in result["judged"]
    (headline,) = judged_headlines(result)
    assert (headline.value, headline.comparison) == ("25", "wavenet 25 %, originals 25 %")
    assert judged_lines(result) == [
        "words that a recogniser gets wrong: originals 25%, conversions by harmonic 25%, conversions by wavenet 25%"
    ]


def test_without_the_extra_the_run_goes_on_and_says_what_to_install(stage, monkeypatch, tmp_path):
    why = "a recogniser needs faster-whisper, which is not installed: pip install 'vqspeech[judge]'"
    nothing = Judge(recogniser=None, embedder=None, quality=None, unavailable={"recogniser": why})
    monkeypatch.setattr(Judge, "installed", lambda *_, **__: nothing)
    made = {"judge": stage().work({})}
    assert made["judge"] == {"reason": why}
    (section,) = judging.judged_sections(made, tmp_path / "judged")
    assert "pip install" in section.text
    assert judged_headlines({"judged": judged(made)}) == ()
    assert judged_lines({"judged": judged(made)}) == [f"not judged: {why}"]


def test_what_is_installed_decides_whether_the_stage_runs_again(stage, monkeypatch):
    before = stage().config
    monkeypatch.setattr("vqspeech.analysis.listening.judge.quality.why_not", lambda: "gone")
    assert stage().config != before


def test_a_failure_is_a_reason(stage, judge, monkeypatch):
    def fail(waveform):
        raise InputError("no ears")

    monkeypatch.setattr(judge.recogniser, "transcribe", fail)
    failing = stage()
    with pytest.raises(InputError) as error:
        failing.work({})
    assert failing.failure(error.value) == {"reason": "judging failed: no ears"}


def test_nothing_is_judged_on_request(stage, judge):
    assert stage(utterances=0).work({}) == {"reason": "judge.utterances = 0"}
    assert judged({}) is None
    assert judging.judged_sections({}, None) == ()
    with pytest.raises(ConfigError, match=r"judge\.conversions"):
        JudgeConfig(conversions=-1)
