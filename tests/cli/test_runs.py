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
