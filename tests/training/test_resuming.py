"""Training is repeated bit for bit, and goes on exactly where it stopped."""

import os
import shutil
import signal

import pytest
import torch
from forked import forked, run_forked
from runs import folder, named, rows, run, same, state, weights

from vqspeech.training.metrics import read_metrics
from vqspeech.training.stopping import Interrupted
from vqspeech.training.trainer import Trainer


@pytest.fixture
def stop_at(monkeypatch):
    """``stop_at(step, number)``: the process gets the signal while it takes that step."""
    make_step = Trainer.step

    def plan(step, number):
        def taking(self):
            if self.steps + 1 == step:
                os.kill(os.getpid(), number)
            make_step(self)

        monkeypatch.setattr(Trainer, "step", taking)

    yield plan
    monkeypatch.setattr(Trainer, "step", make_step)


def test_the_same_seed_gives_the_same_bits(whole, tmp_path, make_config, store):
    run(make_config(), tmp_path / "again", store)
    run(make_config(seed=1), tmp_path / "other", store)
    for step in (2, 8):
        assert weights(tmp_path / "again", step) == weights(whole, step)
        assert weights(tmp_path / "other", step) != weights(whole, step)


def test_what_was_drawn_before_does_not_matter(whole, tmp_path, make_config, store):
    torch.manual_seed(12345)
    torch.rand(7)
    run(make_config(), tmp_path / "again", store)
    assert weights(tmp_path / "again", 8) == weights(whole, 8)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [1, 4, 5])
def test_stopped_by_a_signal_and_resumed_is_as_never_stopped(
    whole, tmp_path, make_config, store, stop_at, step, number
):
    stop_at(step, number)
    with pytest.raises(Interrupted, match=rf"{number.name} at step {step} of 8; saved .*step-{step:08}") as error:
        run(make_config(), tmp_path / "run", store)
    assert error.value.exit_code == 130
    assert named(tmp_path / "run")[-1] == f"step-{step:08}"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    stop_at(None, None)
    assert run(make_config(), tmp_path / "run", store).step == 8
    assert weights(tmp_path / "run", 8) == weights(whole, 8)
    ours, theirs = state(tmp_path / "run", 8), state(whole, 8)
    for key in ("step", "model", "average", "optimizers", "usage", "best"):
        assert same(ours[key], theirs[key]), key
    metrics = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [row["step"] for row in metrics] == sorted(row["step"] for row in metrics)
    assert [row["seconds"] for row in metrics] == sorted(row["seconds"] for row in metrics)
    assert [row["step"] for row in rows(tmp_path / "run", "train")] == [2, 4, 6, 8]
    assert [row["step"] for row in rows(tmp_path / "run", "interrupted")] == [step]


def test_killed_after_a_checkpoint_and_resumed_is_as_never_stopped(whole, tmp_path, make_config, store):
    """The rows written after the checkpoint are dropped and written again."""
    shutil.copytree(whole, tmp_path / "run")
    for step in (6, 8):
        shutil.rmtree(folder(tmp_path / "run", step))
    run(make_config(), tmp_path / "run", store)
    assert weights(tmp_path / "run", 8) == weights(whole, 8)
    assert same(state(tmp_path / "run", 8), state(whole, 8))
    for split in ("train", "valid"):
        ours, theirs = rows(tmp_path / "run", split), rows(whole, split)
        assert [row["step"] for row in ours] == [row["step"] for row in theirs]
        assert [row["nll_bits"] for row in ours] == [row["nll_bits"] for row in theirs]


def test_muon_goes_on_with_its_momentum(tmp_path, make_config, store):
    config = make_config(optimizer="muon")
    run(config, tmp_path / "whole", store)
    shutil.copytree(tmp_path / "whole", tmp_path / "run")
    for step in (6, 8):
        shutil.rmtree(folder(tmp_path / "run", step))
    run(config, tmp_path / "run", store)
    assert weights(tmp_path / "run", 8) == weights(tmp_path / "whole", 8)
    assert same(state(tmp_path / "run", 8), state(tmp_path / "whole", 8))


def test_a_signal_while_saving_loses_nothing(tmp_path, make_config, store, monkeypatch):
    save, sent = Trainer.save, []

    def saving(self):
        save(self)
        if not sent:
            sent.append(self.steps)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "save", saving)
    with pytest.raises(Interrupted, match=r"saved .*step-(\d+)") as error:
        run(make_config(checkpoint_every=3), tmp_path / "run", store)
    assert named(tmp_path / "run")[-1] in str(error.value)


def test_a_finished_run_is_left_as_it_is(whole, tmp_path, make_config, store):
    shutil.copytree(whole, tmp_path / "run")
    before = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    result = run(make_config(), tmp_path / "run", store)
    assert (result.step, result.checkpoint) == (8, folder(tmp_path / "run", 8))
    assert result.seconds == pytest.approx(rows(whole, "train")[-1]["seconds"], abs=0.5)
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == before


@pytest.mark.usefixtures("whole")
def test_the_command_stopped_by_sigterm_and_run_again_is_as_never_stopped(
    tmp_path, make_config, write_toml, prepared_run
):
    """In a process of its own, at whatever step the signal finds it."""
    config = make_config(steps=60, log_every=1, checkpoint_every=1000, validate_every=1000)
    complete, stopped = (prepared_run(tmp_path / name, config) for name in ("complete", "stopped"))
    write_toml(tmp_path / "train.toml", config)
    command = ["train", tmp_path / "train.toml", "--out"]
    assert run_forked(tmp_path / "said", *command, complete).code == 0
    with forked(tmp_path / "said", *command, stopped) as child:
        child.until(lambda: bool(rows(stopped, "train")))
        child.send(signal.SIGTERM)
        code, _, errors = child.ended()
    assert code == 130, errors
    assert "Run the same command again" in errors
    (row,) = rows(stopped, "interrupted")
    assert 0 < row["step"] < 60
    assert run_forked(tmp_path / "said", *command, stopped).code == 0
    assert weights(stopped, 60) == weights(complete, 60)
    assert same(state(stopped, 60)["optimizers"], state(complete, 60)["optimizers"])


@pytest.mark.parametrize("damage", ["cut", "emptied", "garbage", "gone"])
def test_of_a_torn_train_state_the_one_before_is_used(whole, tmp_path, make_config, store, damage):
    shutil.copytree(whole, tmp_path / "run")
    path = folder(tmp_path / "run", 8) / "train_state.pt"
    if damage == "gone":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes({"cut": content[: len(content) // 2], "emptied": b"", "garbage": b"garbage" * 99}[damage])
    with pytest.warns(UserWarning, match=r"step-00000008 cannot be used .*trying the one before"):
        run(make_config(), tmp_path / "run", store)
    assert weights(tmp_path / "run", 8) == weights(whole, 8)
    assert same(state(tmp_path / "run", 8), state(whole, 8))


def test_what_is_said_and_kept_may_change(whole, tmp_path, make_config, store):
    shutil.copytree(whole, tmp_path / "run")
    for step in (6, 8):
        shutil.rmtree(folder(tmp_path / "run", step))
    run(make_config(log_every=1, validate_every=8, checkpoint_every=3, keep_last=3), tmp_path / "run", store)
    assert weights(tmp_path / "run", 8) == weights(whole, 8)
    assert named(tmp_path / "run")[-1] == "step-00000008"
