"""A small world, a model of its frames, and priors over their codes."""

import json

import pytest
import torch
from typer.testing import CliRunner

from vqspeech.cli.main import app

torch.set_num_threads(1)

TINY = """
modality = "image"
[corpus]
name = "shapes"
options = { clips = 24, clip_frames = 6, size = 16, valid = 0.2, test = 0.2 }
[model]
width = 8
dim = 8
residual_blocks = 1
likelihood = "gaussian"
[model.quantizer]
name = "ema"
codebook_size = 8
[train]
steps = 30
batch_size = 16
start_crops = 32
validate_every = 30
validation_batches = 1
accelerator = "cpu"
precision = "32-true"
"""
PRIOR = """
modality = "frames"
[model]
conditioned = %s
history = 2
embedding = 8
blocks = 1
block_kernel = 3
layers = 2
width = 8
head_width = 8
[train]
steps = 4
batch_size = 8
validate_every = 4
validation_batches = 1
accelerator = "cpu"
precision = "32-true"
"""


@pytest.fixture(scope="session")
def vqspeech():
    """Run a command line; returns its result."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="session")
def world(tmp_path_factory, vqspeech):
    """The run of a model of images on the world ``shapes``, with priors ``prior`` and ``twin`` below it."""
    folder = tmp_path_factory.mktemp("world")
    run = folder / "run"
    texts = {"model": TINY, "prior": PRIOR % "true", "twin": PRIOR % "false"}
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    words = {"model": (), "prior": ("--data-dir", run), "twin": ("--data-dir", run)}
    for name, more in words.items():
        out = run if name == "model" else run / name
        result = vqspeech("train", folder / f"{name}.toml", "--out", out, *more)
        assert result.exit_code == 0, result.output
    assert json.loads((run / "config.json").read_text())["corpus"]["name"] == "shapes"
    return run
