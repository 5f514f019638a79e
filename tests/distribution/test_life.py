"""Speech and gestures of the distribution: trained, killed, resumed, encoded, decoded, sampled, analysed."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from clips import write_clips
from forked import forked, run_forked
from typer.testing import CliRunner

from vqspeech import audio
from vqspeech.cli.main import app
from vqspeech.codes import CodeTable
from vqspeech.runs import RunDirectory
from vqspeech.testing.speech import write_corpus

SPEECH = """
[corpus]
name = "folder"

[model.encoder]
name = "lab-gru"
channels = 8
dim = 8
frame_s = 0.02

[model.quantizer]
name = "ema"
codebook_size = 16

[model.decoder]
name = "lab-gan"
channels = 16
stretch_frames = 10

[train]
batch_size = 4
crop_samples = 6400
"""

GESTURES = """
modality = "lab-gesture"

[corpus]
name = "lab-clips"

[model]
channels = 8
quantizer = { name = "ema", codebook_size = 16 }

[train]
batch_size = 4
"""

PRIOR = """
modality = "codes"

[model]
name = "lab-conv"
channels = 16
layers = 3

[train]
batch_size = 4
crop_samples = 3200
"""

TRAIN = {"steps": 60, "checkpoint_every": 5, "validate_every": 30, "start_crops": 8, "validation_batches": 1}
TRAIN |= {"warmup_steps": 0, "log_every": 10, "accelerator": "cpu", "precision": "32-true"}
SETTINGS = [word for key, value in TRAIN.items() for word in ("--set", f"train.{key}={value}")]


@dataclass(frozen=True)
class World:
    """A trained run with a prior over its codes, and what to encode."""

    run: Path
    prior: Path
    config: Path
    data: Path
    inputs: tuple[Path, ...]
    suffix: str
    voice: str


def vqspeech(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module", params=["speech", "gestures"])
def world(request, lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    speech = request.param == "speech"
    data = write_corpus(folder / "data") if speech else write_clips(folder / "data")
    config, prior = folder / "config.toml", folder / "prior.toml"
    config.write_text(SPEECH if speech else GESTURES)
    prior.write_text(PRIOR)
    done = run_forked(folder / "said", "train", config, "--data-dir", data, "--out", folder / "run", *SETTINGS)
    assert done.code == 0, done.stderr
    vqspeech("train", prior, "--data-dir", folder / "run", "--out", folder / "prior", *SETTINGS)
    inputs = sorted(data.glob("**/bob*_*1.wav")) if speech else sorted(data.glob("bob_*1.npy"))
    return World(folder / "run", folder / "prior", config, data, tuple(inputs), ".wav" if speech else ".npy", "bob")


def weights(run):
    return {path.name: (path / "model.safetensors").read_bytes() for path in RunDirectory(run).list_checkpoints()}


def test_killed_and_resumed_it_ends_with_the_same_bits(world, tmp_path):
    """Adversaries, their optimisers and recurrent layers included."""
    run = tmp_path / "run"
    words = ["train", world.config, "--data-dir", world.data, "--out", run, *SETTINGS]
    with forked(tmp_path / "said", *words) as child:
        child.until(RunDirectory(run).checkpoint(5).is_dir)
        child.send(signal.SIGKILL)
        assert child.ended().code == -signal.SIGKILL
    assert not RunDirectory(run).checkpoint(60).is_dir()
    done = run_forked(tmp_path / "said", *words)
    assert done.code == 0, done.stderr
    assert weights(run) == weights(world.run)


def test_the_run_names_the_distribution_of_every_part(world):
    facts = json.loads((RunDirectory(world.run).checkpoint(60) / "config.json").read_text())["plugins"]
    ours = {kind: one["name"] for kind, one in facts.items() if one["distribution"] == "vqspeech-lab"}
    assert ours == (
        {"encoder": "lab-gru", "decoder": "lab-gan"} if world.suffix == ".wav" else {"modality": "lab-gesture"}
    )
    assert {one["version"] for one in facts.values() if one["distribution"] == "vqspeech-lab"} == {"0.1.0"}
    assert "by vqspeech-lab 0.1.0" in vqspeech("info", world.run)


def test_files_become_codes_and_codes_files(world, tmp_path):
    vqspeech("encode", world.run, *world.inputs, "--out", tmp_path / "codes.parquet")
    table = CodeTable.read(tmp_path / "codes.parquet")
    assert len(table) == len(world.inputs) > 0
    voice = ["--speaker", "ann"] if world.suffix == ".wav" else []
    vqspeech("decode", world.run, tmp_path / "codes.parquet", "--out", tmp_path / "out", *voice)
    for row in table:
        path = tmp_path / "out" / f"{row.id}{world.suffix}"
        decoded = audio.read(path) if world.suffix == ".wav" else np.load(path)
        assert len(decoded) == row.n_samples
        assert np.isfinite(decoded).all() and decoded.std() > 0


def test_a_prior_draws_new_items_of_a_speaker(world, tmp_path):
    words = ["--count", 2, "--frames", 12, "--speaker", world.voice]
    for name, seed in {"one": 1, "again": 1, "two": 2}.items():
        out = tmp_path / name
        vqspeech(
            "sample",
            world.run,
            "--prior",
            world.prior,
            *words,
            "--seed",
            seed,
            "--out",
            out,
            "--codes",
            out / "c.parquet",
        )
    one, again, two = (CodeTable.read(tmp_path / name / "c.parquet") for name in ("one", "again", "two"))
    assert [row.speaker for row in one] == ["bob", "bob"]
    assert [row.codes.shape for row in one] == [(1, 12), (1, 12)]
    assert np.array_equal(one.rows[0].codes, again.rows[0].codes)
    assert not np.array_equal(one.rows[0].codes, two.rows[0].codes)
    assert len(list((tmp_path / "one").glob(f"*{world.suffix}"))) == 2


def test_an_analysis_with_options_writes_a_page(world, tmp_path):
    vqspeech("analyze", "lab-durations", world.run, "--set", "longest=3", "--out", tmp_path / "out")
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert len(result["parts"]) == 3
    assert sum(result["parts"]) == pytest.approx(1)
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "<h2>How long codes last</h2>" in page
    assert "3 and more" in page


@pytest.mark.parametrize("world", ["speech"], indirect=True)
def test_a_voice_is_converted(world, tmp_path):
    source = world.inputs[0]
    vqspeech("convert", world.run, source, "--speaker", "ann", "--out", tmp_path / "out.wav")
    vqspeech("encode", world.run, source, "--out", tmp_path / "codes.parquet")
    vqspeech("decode", world.run, tmp_path / "codes.parquet", "--speaker", "ann", "--out", tmp_path / "out")
    assert np.array_equal(audio.read(tmp_path / "out.wav"), audio.read(tmp_path / "out" / f"{source.stem}.wav"))
