"""A store of a few synthetic utterances, and a model small enough to train in a second."""

import json
import shutil

import numpy as np
import pytest
import soundfile
from runs import MODEL, folder, run

from vqspeech.config import plain
from vqspeech.corpora.folder import read
from vqspeech.corpora.store import prepare
from vqspeech.training.run import checked, open_run

RATE = 16000
SECONDS = {"ann": [0.9, 0.05, 0.4], "bob": [0.5, 0.7], "cid": [0.3, 1.1, 0.6]}


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """Three speakers, eight utterances between 0.05 and 1.1 s, six to train on and two to validate on."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    rows = ["path,speaker,split"]
    for place, (speaker, lengths) in enumerate(SECONDS.items()):
        for number, seconds in enumerate(lengths):
            time = np.arange(int(seconds * RATE)) / RATE
            samples = 0.4 * np.sin(2 * np.pi * (110 * (place + 1) * time + 40 * time**2 * number))
            samples += 0.05 * rng.normal(size=len(time))
            soundfile.write(folder / f"{speaker}{number}.wav", samples, RATE)
            rows.append(f"{speaker}{number}.wav,{speaker},{'valid' if seconds in (0.4, 0.7) else 'train'}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return prepare(read(folder), tmp_path_factory.mktemp("made") / "store", workers=1)


TRAIN = {
    "steps": 8,
    "batch_size": 4,
    "crop_samples": 2560,
    "window_samples": 1024,
    "learning_rate": 0.01,
    "warmup_steps": 2,
    "weight_average": 0.9,
    "precision": "32-true",
    "accelerator": "cpu",
    "log_every": 2,
    "validate_every": 4,
    "validation_batches": 1,
    "checkpoint_every": 2,
    "keep_last": 10,
    "start_crops": 6,
}


@pytest.fixture(scope="session")
def make_config():
    """``make_config(steps=4, seed=1, model={...})``: a run configuration; other keys go to the table train."""

    def make(*, seed=0, model=MODEL, **train):
        values = {"seed": seed, "corpus": {"name": "folder"}, "model": model, "train": {**TRAIN, **train}}
        return checked(values)

    return make


@pytest.fixture(scope="session")
def write_toml():
    """``write_toml(path, config)``: a run configuration as the command line reads it."""

    def table(values, name=()):
        leaves = {key: value for key, value in values.items() if not isinstance(value, dict) and value is not None}
        lines = [f"[{'.'.join(name)}]"] * bool(name) + [f"{key} = {json.dumps(value)}" for key, value in leaves.items()]
        for key, value in values.items():
            lines += table(value, (*name, key)) if isinstance(value, dict) else []
        return lines

    def write(path, config):
        path.write_text("\n".join(table(plain(config))) + "\n")

    return write


@pytest.fixture(scope="session")
def prepared_run(store):
    """``prepared_run(directory, config)``: a run directory as `vqspeech train` finds it once its data are prepared."""

    def make(directory, config):
        open_run(directory, config)
        shutil.copytree(store.directory, directory / "store")
        return directory

    return make


@pytest.fixture(scope="session")
def whole(tmp_path_factory, make_config, store):
    """A run of eight steps that nobody stopped; forked processes have what it imported."""
    directory = tmp_path_factory.mktemp("whole") / "run"
    result = run(make_config(), directory, store)
    assert result.step == 8
    assert result.checkpoint == folder(directory, 8)
    return directory
