"""`vqspeech speakers`, of a model with speakers and of one without."""

from __future__ import annotations

import json

import pytest
import torch
from typer.testing import CliRunner

from vqspeech.checkpoints.store import save
from vqspeech.cli.main import app
from vqspeech.config import ModelConfig


@pytest.fixture
def checkpoint(tmp_path):
    def write(*speakers: str):
        path = tmp_path / "step-00000001"
        save(path, {"weight": torch.zeros(1)}, config=ModelConfig(), speakers=speakers, step=1)
        return str(path)

    return write


def test_speakers_are_listed(checkpoint):
    path = checkpoint("anna", "bert")
    assert CliRunner().invoke(app, ["speakers", path]).stdout == "anna\nbert\n"
    assert json.loads(CliRunner().invoke(app, ["speakers", path, "--json"]).stdout) == ["anna", "bert"]


def test_a_model_without_speakers_says_so(checkpoint):
    path = checkpoint()
    result = CliRunner().invoke(app, ["speakers", path])
    assert result.exit_code == 2
    assert path in result.stderr and "has no speakers" in result.stderr
    assert json.loads(CliRunner().invoke(app, ["speakers", path, "--json"]).stdout) == []


def test_a_checkpoint_of_a_run_has_the_validation_of_the_run(tmp_path):
    path = tmp_path / "run" / "checkpoints" / "step-00000001"
    save(path, {"weight": torch.zeros(1)}, config=ModelConfig(), speakers=("a",), step=1)
    row = {"step": 1, "seconds": 2.0, "split": "valid", "nll_bits": 2.5}
    (tmp_path / "run" / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    for given in (path, tmp_path / "run"):
        shown = json.loads(CliRunner().invoke(app, ["info", str(given), "--json"]).stdout)
        assert shown["validation"]["nll_bits"] == 2.5
