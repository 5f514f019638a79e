"""Checkpoints of every format ever written load, and give the codes, the samples and the losses that they gave then."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vqspeech.codec.load import load_speech
from vqspeech.conversion import Conversion, convert
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.training.metrics import read_metrics
from vqspeech.training.run import checked, open_run, prepare, train

GOLDEN = Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))
from sines import sine, write_corpus  # noqa: E402

RUNS = sorted(path.parent for path in GOLDEN.glob("format-*/*/expected.json"))


@pytest.fixture(params=RUNS, ids=lambda run: f"{run.parent.name}-{run.name}")
def golden(request):
    return request.param, json.loads((request.param / "expected.json").read_text())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("golden") / "data")


def test_an_old_checkpoint_gives_its_codes(golden):
    run, expected = golden
    codes = load_speech(run).encode(torch.from_numpy(sine())[None])[0]
    assert codes.tolist() == expected["codes"]


@pytest.mark.parametrize("engine", ["reference", "cpu"])
def test_an_old_checkpoint_gives_its_samples(golden, engine):
    run, expected = golden
    item = Conversion(waveform=sine()[:400], speaker="bob", key="sine")
    (samples,) = convert(load_speech(run), [item], SpeakOptions(seed=3, engine=engine)).waveforms
    np.testing.assert_allclose(samples, expected["samples"], atol=1e-6)


def test_three_steps_of_training_give_the_old_losses(golden, corpus, tmp_path):
    """Two machines may differ in the last bits of a product, not in a loss's fourth digit."""
    run, expected = golden
    config = checked(json.loads((run / "config.json").read_text()))
    open_run(tmp_path / "run", config)
    train(config, tmp_path / "run", prepare(config, tmp_path / "run", corpus))
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert len(rows) == len(expected["metrics"]) == 4
    for row, old in zip(rows, expected["metrics"], strict=True):
        assert row["split"] == old.pop("split")
        assert {key: row[key] for key in old} == pytest.approx(old, rel=1e-4, abs=1e-5)


def test_an_old_run_is_taken_up_again(corpus, tmp_path, capsys):
    """The run is at its last step: taking it up reads its whole train state and trains no further."""
    run = tmp_path / "run"
    shutil.copytree(GOLDEN / "format-1" / "waveform-ema", run)
    config = checked(json.loads((run / "config.json").read_text()))
    open_run(run, config)
    result = train(config, run, prepare(config, run, corpus))
    assert result.step == 3
    assert "cannot be used" not in capsys.readouterr().err
