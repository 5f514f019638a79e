"""A model that was never trained, and a few files to encode."""

import numpy as np
import pytest
import soundfile
from tiny import codec

from vqspeech.checkpoints.store import save
from vqspeech.codec.load import load_speech
from vqspeech.encoding import plan


@pytest.fixture
def checkpoint():
    return codec(started=False)


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / "corpus" / name for name in ("p225/a.wav", "p226/a.wav", "p226/b.flac")]
    for path, time in zip(paths, (1600, 641, 3000), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.2 * rng.normal(size=time), 16000)
    return paths


@pytest.fixture
def saved(checkpoint, tmp_path):
    """The model in a checkpoint directory, loaded from there."""
    save(tmp_path / "model", checkpoint.model.state_dict(), config=checkpoint.config, speakers=("p225", "p226"), step=3)
    return load_speech(tmp_path / "model")


@pytest.fixture
def one_by_one(monkeypatch):
    """Parts of one utterance."""
    monkeypatch.setattr(plan, "UTTERANCES_PER_PART", 1)
