"""A run killed at any moment, and checkpoints that were damaged afterwards: the run ends as if nothing had happened."""

import json
import os
import random
import shutil
import signal
import time

import pytest
import torch
from forked import forked, run_forked
from runs import same

from vqspeech.checkpoints.kept import Best, Checkpoints
from vqspeech.checkpoints.store import list_checkpoints
from vqspeech.codec.load import load_speech
from vqspeech.errors import CheckpointError
from vqspeech.training.metrics import read_metrics
from vqspeech.training.run import train

STEPS, KILLS = 60, 3


def contents(run, name):
    """What must be the same bit for bit: the weights to use, and all of the train state."""
    folder = run / "checkpoints" / name
    state = torch.load(folder / "train_state.pt", weights_only=True)
    return (folder / "model.safetensors").read_bytes(), state


def rows(run):
    """The metrics but for times."""
    return [
        {key: value for key, value in row.items() if key not in ("seconds", "samples_per_second")}
        for row in read_metrics(run / "metrics.jsonl")
    ]


@pytest.mark.usefixtures("whole")
def test_killed_at_random_moments_it_ends_with_the_same_bits(tmp_path, make_config, write_toml, prepared_run):
    """A real process gets SIGKILL several times, mostly while it writes a checkpoint: it does little else."""
    config = make_config(steps=STEPS, log_every=7, validate_every=11, checkpoint_every=2, keep_last=1)
    whole, run = prepared_run(tmp_path / "whole", config), prepared_run(tmp_path / "run", config)
    write_toml(tmp_path / "train.toml", config)
    command = ["train", tmp_path / "train.toml", "--out"]
    assert run_forked(tmp_path / "said", *command, whole).code == 0
    moments, reached = random.Random(0), [newest(run)]
    while len(reached) <= KILLS:
        with forked(tmp_path / "said", *command, run) as child:
            child.until(lambda: newest(run) != reached[-1])
            time.sleep(moments.uniform(0, 0.15))
            child.send(signal.SIGKILL)
            # It was still at work.
            assert child.ended().code == -signal.SIGKILL
        reached.append(newest(run))
    # It got further each time.
    assert sorted(set(reached)) == reached
    done = run_forked(tmp_path / "said", *command, run)
    assert done.code == 0, done.stderr
    assert "cannot be used" not in done.stderr
    assert [path.name for path in list_checkpoints(run)] == [path.name for path in list_checkpoints(whole)]
    for path in list_checkpoints(whole):
        assert same(contents(run, path.name), contents(whole, path.name))
    assert rows(run) == rows(whole)
    assert (run / "checkpoints" / "best.json").read_text() == (whole / "checkpoints" / "best.json").read_text()
    # Nothing half done is left.
    assert sorted(os.listdir(run / "checkpoints")) == sorted(os.listdir(whole / "checkpoints"))


def newest(run):
    """The name of the newest checkpoint; empty before there is one."""
    return max((path.name for path in list_checkpoints(run)), default="")


@pytest.mark.parametrize("name", ["train_state.pt", "model.safetensors", "config.json"])
@pytest.mark.parametrize("damage", ["a flipped bit", "cut"])
def test_of_a_damaged_checkpoint_the_one_before_is_used(whole, tmp_path, make_config, store, name, damage):
    """A flipped bit of a weight loads without complaint; only the checksum tells."""
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    path = run / "checkpoints" / "step-00000008" / name
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-10:]
    else:
        content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.warns(
        UserWarning, match=rf"step-00000008 cannot be used \({name} is damaged: its checksum .*the one before"
    ):
        train(make_config(), run, store)
    assert same(contents(run, "step-00000008"), contents(whole, "step-00000008"))


def test_a_damaged_model_is_not_used_unnoticed(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    path = run / "checkpoints" / "step-00000008" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(Exception, match=r"model\.safetensors cannot be loaded, another checkpoint may: .*checksum"):
        load_speech(run)
    assert load_speech(run, "step-00000006").step == 6


def test_when_no_checkpoint_can_be_used_it_starts_again(whole, tmp_path, make_config, store):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    for path in list_checkpoints(run):
        (path / "train_state.pt").write_bytes(b"")
    with pytest.warns(UserWarning, match="cannot be used"):
        train(make_config(), run, store)
    assert same(contents(run, "step-00000008"), contents(whole, "step-00000008"))


@pytest.mark.parametrize("part", ["model", "optimizers"])
def test_checkpoints_that_are_whole_and_do_not_fit_the_model_are_kept(whole, tmp_path, make_config, store, part):
    """As when the code of a plugin has changed: training does not start again over them."""
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    for path in list_checkpoints(run):
        state = torch.load(path / "train_state.pt", weights_only=True)
        state[part].popitem() if part == "model" else state[part].clear()
        torch.save(state, path / "train_state.pt")
        (path / "checksums.json").unlink()
    states = [(path / "train_state.pt").read_bytes() for path in list_checkpoints(run)]
    with pytest.raises(CheckpointError, match=r"step-00000008 does not fit the model.*--fresh"):
        train(make_config(), run, store)
    assert [(path / "train_state.pt").read_bytes() for path in list_checkpoints(run)] == states


def test_tidying_finishes_what_a_killed_process_began(tmp_path):
    kept = Checkpoints(tmp_path, keep_last=2)
    for step in (2, 4, 6, 8):
        kept.path(step).mkdir(parents=True)
    for name in (".step-00000008.part", ".step-00000001.old"):
        (kept.root / name).mkdir()
        (kept.root / name / "model.safetensors").write_bytes(b"half")
    kept.tidy(Best("nll", 0.5, "step-00000002"))
    assert sorted(os.listdir(kept.root)) == ["best.json", "step-00000002", "step-00000006", "step-00000008"]
    assert json.loads((kept.root / "best.json").read_text()) == {
        "checkpoint": "step-00000002",
        "criterion": "nll",
        "value": 0.5,
    }
