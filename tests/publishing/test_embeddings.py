"""Speaker embeddings come from recordings or the run's own data, for the published voices only."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tiny import save_codec

from vqspeech import audio
from vqspeech.analysis.listening.judge.voices import read_voices
from vqspeech.codec.load import load_speech
from vqspeech.corpora.found import find_recordings
from vqspeech.corpora.store import prepare
from vqspeech.errors import InputError
from vqspeech.publishing import embeddings
from vqspeech.publishing.export import ExportOptions, export


class Loudness:
    """An embedder whose first number is the level; silence has none."""

    def embed(self, waveform):
        level = float(np.sqrt(np.mean(waveform**2)))
        return np.full(256, level, np.float32) if level > 1e-4 else None


@pytest.fixture
def codec(tmp_path):
    save_codec(tmp_path / "run")
    return load_speech(tmp_path / "run")


@pytest.fixture
def recordings(tmp_path):
    rng = np.random.default_rng(0)
    for speaker, level in (("p225", 0.1), ("p226", 0.0), ("other", 0.1)):
        for number in range(3):
            audio.write(tmp_path / "said" / speaker / f"{number}.wav", rng.normal(0, level, 24000), 16000)
    return tmp_path / "said"


@pytest.fixture
def judge(monkeypatch):
    monkeypatch.setattr(embeddings, "why_not", lambda: None)
    monkeypatch.setattr(embeddings, "Ge2e", Loudness)


def test_recordings_of_the_voices_are_embedded(codec, recordings, judge, tmp_path):
    made = export(codec, tmp_path / "model", ExportOptions(voices=recordings))
    assert list(read_voices(made.path)) == ["p225"]
    voice = json.loads((made.path / "voices.json").read_text())["voices"]["p225"]
    assert (voice["recordings"], voice["seconds"]) == (3, 4.5)


def test_the_data_of_the_run_are_embedded_where_the_judge_is_installed(codec, recordings, judge, tmp_path, monkeypatch):
    store = prepare(find_recordings([recordings]), tmp_path / "store", sample_rate=16000)
    assert not (export(codec, tmp_path / "others-data").path / "voices.json").exists()
    codec = replace(codec, facts={**codec.facts, "data": store.fingerprint})
    made = export(codec, tmp_path / "model")
    assert list(read_voices(made.path)) == ["p225"]
    assert store.fingerprint not in (made.path / "config.json").read_text()
    assert made.changes is not None and "held-out utterances" in made.changes.of
    monkeypatch.setattr(embeddings, "why_not", lambda: "not installed")
    assert not (export(codec, tmp_path / "other").path / "voices.json").exists()


def test_recordings_of_nobody_are_refused(codec, recordings, judge, tmp_path):
    with pytest.raises(InputError, match="no speech of the voices p226"):
        export(codec, tmp_path / "model", ExportOptions(voices=recordings, speakers=["p226"]))
    assert not (tmp_path / "model").exists()


def test_without_the_judge_recordings_are_refused_with_what_to_install(codec, recordings, tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "why_not", lambda: "needs resemblyzer: pip install 'vqspeech[judge]'")
    with pytest.raises(InputError, match=r"pip install 'vqspeech\[judge\]'"):
        export(codec, tmp_path / "model", ExportOptions(voices=recordings))
