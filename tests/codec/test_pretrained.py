"""Registered models are loaded by name, by Python and by the commands; the doctor finds defects."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from published import fake_hub, plant_model, publish, write_model
from typer.testing import CliRunner

import vqspeech
from vqspeech import audio
from vqspeech.checkpoints.directory import CHECKSUMS
from vqspeech.cli.main import app
from vqspeech.errors import CheckpointError

__all__ = ["fake_hub"]


@pytest.fixture
def installed(tmp_path, fake_dist, isolated_registry, monkeypatch):
    model = write_model(tmp_path)
    plant_model(fake_dist, model)
    isolated_registry()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return model


def run(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


@pytest.mark.parametrize("given", ["english", "owner/model", "directory"])
def test_every_way_to_name_a_model_loads_the_same(installed, fake_hub, given):
    publish(fake_hub, "owner/model", installed)
    name = installed if given == "directory" else given
    noise = np.random.default_rng(0).normal(0, 0.1, 1000).astype(np.float32)
    wanted = vqspeech.load(installed).encode(noise)
    for model in (vqspeech.load(name), vqspeech.from_pretrained(name)):
        assert model.speakers == ("p225", "p226")
        assert np.array_equal(model.encode(noise), wanted)


def test_options_of_the_hub_are_passed_on(installed, fake_hub):
    publish(fake_hub, "owner/model@v1", installed)
    vqspeech.from_pretrained("owner/model", revision="v1", token="t", cache_dir="c", force_download=True)
    (call,) = fake_hub.calls
    assert call == {
        "repo_id": "owner/model", "revision": "v1", "token": "t", "cache_dir": "c", "force_download": True,
        "local_files_only": False,
    }  # fmt: skip


def test_weights_of_another_model_are_refused(installed):
    config = json.loads((installed / "config.json").read_text())
    config["model"]["encoder"]["dim"] = 5
    (installed / "config.json").write_text(json.dumps(config))
    (installed / CHECKSUMS).unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be loaded"):
        vqspeech.from_pretrained("english")


def test_commands_take_the_name(installed, tone, tmp_path):
    recording = tone(tmp_path / "tone.wav")
    assert run("speakers", "english") == "p225\np226\n"
    assert "2, see `vqspeech speakers english`" in run("info", "english")
    run("encode", "english", recording, "--out", "codes.parquet")
    run("decode", "english", "codes.parquet", "--speaker", "p225", "--out", "decoded")
    run("convert", "english", recording, "--speaker", "p226", "--out", "out.wav")
    assert len(audio.read("out.wav")) == len(audio.read(recording))
    assert "no store of its training data; give a corpus" in run("analyze", "codebook", "english", code=2)
    assert "known: english" in run("convert", "englisch", recording, "--speaker", "p226", "--out", "x.wav", code=2)


COMMANDS = {
    "info": [],
    "speakers": [],
    "convert": ["a.wav", "--speaker", "x", "--out", "o"],
    "encode": ["a.wav", "--out", "o"],
    "decode": ["c.parquet", "--out", "o"],
    "sample": ["--prior", "p", "--out", "o"],
    "export": ["--out", "o"],
}
MISSPELT = """
import contextlib, io, json, sys
from vqspeech.cli.main import main

found = {}
for command, words in json.loads(sys.argv[1]).items():
    sys.argv, said = ["vqspeech", command, "englisch", *words], io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            main()
    except SystemExit as end:
        found[command] = end.code, said.getvalue(), [name for name in ("torch", "numpy") if name in sys.modules]
print(json.dumps(found))
"""


def test_a_misspelt_name_is_an_error_before_torch_is_imported():
    process = [sys.executable, "-c", MISSPELT, json.dumps(COMMANDS)]
    done = subprocess.run(process, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found.keys() == COMMANDS.keys()
    for command, (code, said, heavy) in found.items():
        assert (code, heavy) == (2, []), command
        assert "no run directory englisch" in said, command


def test_info_of_a_published_model_reads_no_file_beside_it(installed):
    row = {"step": 1, "seconds": 2.0, "split": "valid", "nll_bits": 2.5}
    (installed.parent.parent / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    assert json.loads(run("info", "english", "--json"))["validation"] is None


def test_it_is_listed_and_shown(installed):
    row = json.loads(run("plugins", "list", "--kind", "pretrained", "--json"))
    assert [(one["name"], one["licence"], one["distribution"]) for one in row] == [("english", "CC0", "vqspeech-tiny")]
    assert "licence: CC0" in run("plugins", "show", "english")


def test_doctor_loads_it(installed):
    assert "0 broken" in run("plugins", "doctor")


def spoil_weights(model):
    (model / "model.safetensors").write_bytes(b"torn")


def drop_weights(model):
    (model / "model.safetensors").unlink()


def drop_checksums(model):
    (model / CHECKSUMS).unlink()


def add_pickle(model):
    (model / "train_state.pt").write_bytes(b"")


def change_config(model):
    config = json.loads((model / "config.json").read_text())
    config["speakers"].append("p227")
    (model / "config.json").write_text(json.dumps(config))


def fit_another(model):
    (model / CHECKSUMS).write_text("{}")
    change_config(model)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_weights, "model.safetensors is damaged"),
        (drop_weights, "has no model.safetensors"),
        (drop_checksums, "has no checksums.json"),
        (add_pickle, "holds train_state.pt"),
        (change_config, "config.json is damaged"),
        (fit_another, "model.safetensors cannot be loaded"),
    ],
)
def test_doctor_names_a_model_that_cannot_be_used(installed, spoil, message):
    spoil(installed)
    result = CliRunner().invoke(app, ["plugins", "doctor"])
    assert result.exit_code == 1
    assert message in result.stdout and "pretrained 'english' of vqspeech-tiny" in result.stdout
