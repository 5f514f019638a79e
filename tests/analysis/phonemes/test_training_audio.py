from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vqspeech import audio
from vqspeech.analysis.phonemes import training_audio
from vqspeech.corpora.folder import read
from vqspeech.corpora.store import AudioStore, prepare
from vqspeech.errors import InputError


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for number in range(12):
        path = tmp_path / "corpus" / "anna" / f"u{number}.wav"
        audio.write(path, np.full(800, 0.05 * number - 0.3, dtype=np.float32), 16000)
    return tmp_path / "corpus"


def checkpoint(path: Path, **facts: object) -> SimpleNamespace:
    """As much of a `vqspeech.codec.SpeechCodec` as is asked for."""
    return SimpleNamespace(path=path, facts=facts, sample_rate=16000)


def levels(waveforms) -> list[float]:
    return sorted(round(float(np.median(waveform)), 3) for waveform in waveforms)


def test_the_store_of_the_run_gives_its_training_split(corpus: Path, tmp_path: Path) -> None:
    prepare(read(corpus), tmp_path / "run" / "store", workers=1)
    store = AudioStore.open(tmp_path / "run" / "store")
    expected = levels(store.waveform(index) for index in store.indices("train"))
    assert 0 < len(expected) <= 12
    for path in (tmp_path / "run" / "checkpoints" / "step-1", tmp_path / "run" / "exported"):
        assert levels(training_audio.of_run(checkpoint(path), 0)) == expected


def test_without_a_store_the_corpus_is_read_again_where_it_is_given(corpus: Path, tmp_path: Path) -> None:
    run = checkpoint(tmp_path / "run" / "checkpoints" / "step-1", run={"corpus": {"name": "folder", "options": {}}})
    assert training_audio.of_run(run, 0) is None
    again = levels(training_audio.of_run(run, 0, corpus))
    assert again == levels(audio.read(u.path, 16000) for u in read(corpus).split("train"))
    with pytest.raises(InputError, match="does not say which corpus"):
        training_audio.of_run(checkpoint(tmp_path / "run"), 0, corpus)


def test_a_sample_holds_whole_codes_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_audio, "FRAMES", 10)
    taken = training_audio.sample((np.zeros(length) for length in (45, 3, 38, 99, 50)), 10)
    assert [len(waveform) for waveform in taken] == [40, 30, 30]
    assert training_audio.sample([], 10) == []
