"""Models that were never trained."""

import pytest
from live_model import build_run
from tiny import save_codec

from vqspeech.codec.load import load_speech


@pytest.fixture
def codec(tmp_path):
    return load_speech(build_run(tmp_path / "run"))


@pytest.fixture
def wavenet(tmp_path):
    save_codec(tmp_path / "wavenet")
    return load_speech(tmp_path / "wavenet")
