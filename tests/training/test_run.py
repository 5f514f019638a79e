"""A run directory belongs to one configuration and one corpus."""

import shutil

import pytest
from runs import folder, run, weights

from vqspeech.corpora.store import AudioStore
from vqspeech.errors import CheckpointError


def test_a_run_of_another_configuration_is_refused(whole, tmp_path, make_config, store):
    shutil.copytree(whole, tmp_path / "run")
    other = make_config(seed=1, learning_rate=0.5, steps=9)
    expected = r"train\.learning_rate: 0\.01 -> 0\.5; train\.steps: 8 -> 9.*start over with --fresh"
    with pytest.raises(CheckpointError, match=rf"another configuration: seed: 0 -> 1; {expected}"):
        run(other, tmp_path / "run", store)
    assert weights(tmp_path / "run", 8) == weights(whole, 8)


def test_another_corpus_under_the_same_run_is_refused(whole, tmp_path, make_config, store):
    """A store that was made again from other recordings does not go on with the old one's weights."""
    shutil.copytree(whole, tmp_path / "run")
    shutil.rmtree(folder(tmp_path / "run", 8))
    other = AudioStore(**{**vars(store), "fingerprint": "0" * 64})
    with pytest.raises(CheckpointError, match=r"trained on other data .*--fresh"):
        run(make_config(), tmp_path / "run", other)
