import json

import numpy as np
import pytest
from fake_judge import Embedder

from vqspeech.analysis.listening.judge.voices import FILE, read_voices, voices_of, write_voices
from vqspeech.errors import CheckpointError, InputError


class Wide(Embedder):
    """An embedding of 256 numbers."""

    def embed(self, waveform):
        return None if not waveform.any() else np.full(256, 1 / 16, np.float32)


def test_voices_are_written_beside_the_weights_and_read_again(tmp_path):
    recordings = {"ann": [np.ones(16000, np.float32), np.zeros(16000, np.float32)]}
    voices = voices_of(recordings, Wide())
    assert voices["ann"]["recordings"] == 1
    assert voices["ann"]["seconds"] == 2.0
    write_voices(tmp_path, voices)
    assert read_voices(tmp_path)["ann"] == pytest.approx(np.full(256, 1 / 16), abs=1e-6)


def test_a_model_without_the_file_has_none(tmp_path):
    assert read_voices(tmp_path) == {}


def test_a_voice_needs_speech():
    with pytest.raises(InputError, match="'ann'"):
        voices_of({"ann": [np.zeros(16000, np.float32)]}, Wide())


@pytest.mark.parametrize(
    "change", [{"format": 99}, {"embedding": "another"}, {"voices": {"ann": {"embedding": [1.0]}}}, {"voices": 3}]
)
def test_a_file_that_cannot_be_used_is_an_error(tmp_path, change):
    write_voices(tmp_path, voices_of({"ann": [np.ones(1600, np.float32)]}, Wide()))
    values = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(values | change))
    with pytest.raises(CheckpointError, match=FILE):
        read_voices(tmp_path)
