"""Several processes train what one trains: the same curve and codebook, resumed by any number."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from forked import command, run_job

from vqspeech.errors import ConfigError, InputError
from vqspeech.training import processes
from vqspeech.training.metrics import read_metrics
from vqspeech.training.processes import Processes, launch
from vqspeech.training.run import train
from vqspeech.training.trainer import Trainer


def noting_weights(fit):
    """Training that leaves the final weights of each process beside the run."""

    def noting(self):
        result = fit(self)
        torch.save(self.model.state_dict(), self.run.path / f"rank-{self.processes.rank}.pt")
        return result

    return noting


def dying(step, at):
    """A step before which the second process is killed."""

    def dies(self):
        if self.processes.rank == 1 and self.steps == at:
            os.kill(os.getpid(), signal.SIGKILL)
        step(self)

    return dies


@pytest.fixture(scope="module")
def config(make_config):
    """Five crops a step, short ones among them, which two processes cannot share evenly; codes die and are revived."""
    return make_config(
        steps=20, batch_size=5, log_every=1, validate_every=5, validation_batches=3, checkpoint_every=8, keep_last=9
    )


@pytest.fixture(scope="module")
def job(tmp_path_factory, config, write_toml):
    """``job(run)``: `vqspeech train` in two processes, to its end; the first's exit code, and what both said."""
    folder = tmp_path_factory.mktemp("job")
    write_toml(folder / "train.toml", config)

    def work(run, dies_at=-1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Trainer, "fit", noting_weights(Trainer.fit))
            patch.setattr(Trainer, "step", dying(Trainer.step, dies_at))
            ends = run_job(folder, command("train", folder / "train.toml", "--out", run))
        return ends[0].code, "".join(end.stdout + end.stderr for end in ends)

    return work


@pytest.fixture(scope="module")
def one(tmp_path_factory, config, prepared_run, store):
    """The run of one process."""
    run = prepared_run(tmp_path_factory.mktemp("one") / "run", config)
    train(config, run, store)
    return run


@pytest.fixture(scope="module")
def two(one, tmp_path_factory, config, prepared_run, job):
    """The run of two processes, with what they said."""
    run = prepared_run(tmp_path_factory.mktemp("two") / "run", config)
    code, output = job(run)
    assert code == 0, output
    return run, output


def state(run, step):
    return torch.load(run / "checkpoints" / f"step-{step:08}" / "train_state.pt", weights_only=True)


def assert_same_training(run, other):
    """The same rows but for times, to 1e-4, and the same weights."""
    rows, theirs = read_metrics(run / "metrics.jsonl"), read_metrics(other / "metrics.jsonl")
    assert [(row["step"], row["split"]) for row in rows] == [(row["step"], row["split"]) for row in theirs]
    assert len(rows) == 24
    for row, other_row in zip(rows, theirs, strict=True):
        for name in row.keys() - {"seconds", "samples_per_second"}:
            assert row[name] == pytest.approx(other_row[name], abs=1e-4), (row["step"], name)
    for part in ("model", "average"):
        torch.testing.assert_close(state(run, 20)[part], state(other, 20)[part], atol=1e-4, rtol=1e-3)


def test_two_processes_train_what_one_trains(one, two):
    assert_same_training(two[0], one)
    assert state(one, 20)["model"]["quantizer.updates"] == 20


def test_weights_and_codebook_have_the_same_bits_in_both_processes(two):
    first, second = (torch.load(two[0] / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert {"quantizer.counts", "quantizer.sums"} < first.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def test_only_the_first_process_speaks(two):
    assert two[1].count("20 steps in") == 1
    assert two[1].count("train 20/20") == 1


def test_one_process_goes_on_where_two_stopped(one, two, tmp_path, config, store):
    shutil.copytree(two[0], tmp_path / "run")
    for step in (16, 20):
        shutil.rmtree(tmp_path / "run" / "checkpoints" / f"step-{step:08}")
    train(config, tmp_path / "run", store)
    assert_same_training(tmp_path / "run", one)


def test_a_process_that_dies_ends_the_job_with_a_message_and_two_go_on_where_one_stopped(one, tmp_path, job):
    shutil.copytree(one, tmp_path / "run")
    for step in (16, 20):
        shutil.rmtree(tmp_path / "run" / "checkpoints" / f"step-{step:08}")
    code, output = job(tmp_path / "run", dies_at=17)
    assert code == 1
    assert "Error: another process of this job ended or cannot be reached" in output
    assert "Run the same command again to continue from the last checkpoint" in output
    assert sorted((tmp_path / "run" / "checkpoints").glob("step-*"))[-1].name == "step-00000016"
    code, output = job(tmp_path / "run")
    assert code == 0, output
    assert_same_training(tmp_path / "run", one)


def test_a_signal_stops_all_processes_at_the_same_step(tmp_path, config, prepared_run, write_toml):
    """torchrun passes SIGTERM on to its processes one after the other, at whatever step each of them is."""
    run = prepared_run(tmp_path / "run", config)
    write_toml(tmp_path / "train.toml", config)
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "vqspeech"]
    command = [sys.executable, "-m", *launcher, "train", str(tmp_path / "train.toml"), "--out", str(run)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + 90
        while not read_metrics(run / "metrics.jsonl") and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        output = child.communicate(timeout=120)[0]
    finally:
        child.kill()
    assert child.returncode != 0
    stopped = [row["step"] for row in read_metrics(run / "metrics.jsonl") if row["split"] == "interrupted"]
    assert len(stopped) == 1, output
    assert output.count("Run the same command again") == 1
    assert state(run, stopped[0])["step"] == stopped[0]


# one process, and configurations that cannot be


class Network:
    """What `Processes` asks of a launched Fabric."""

    global_rank, world_size = 0, 1


def test_alone_everything_is_said_and_done_here():
    alone = Processes(Network())
    tensor = torch.ones(2)
    assert alone.is_first
    assert alone.first(lambda: 7) == 7
    assert alone.largest(3) == 3
    assert torch.equal(alone.total([tensor])[0], tensor)
    assert alone.total([tensor])[0] is not tensor
    error = ConfigError("x")
    assert alone.shared_error(error) is error


def test_more_processes_and_parts_than_crops_are_refused(make_config, monkeypatch):
    with pytest.raises(ConfigError, match=r"train\.batch_size = 4; at least one crop for each of 1 processes x .* = 5"):
        make_config(batch_size=4, accumulate=5)
    config = make_config(batch_size=5)
    monkeypatch.setattr(processes.dist, "is_torchelastic_launched", lambda: True)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    monkeypatch.setenv("WORLD_SIZE", "6")
    with pytest.raises(ConfigError, match=r"train\.batch_size = 5; at least one crop for each of 6 processes"):
        launch(config.train)


def test_a_recipe_refuses_several_processes(make_config, store, tmp_path):
    with pytest.raises(ConfigError, match=r"single process, but 2 were started.*train\.devices"):
        train(make_config(devices=2), tmp_path, store)


@pytest.mark.parametrize(
    "values, environment, message",
    [
        ({}, {"SLURM_STEP_NUM_TASKS": "2"}, r"SLURM started 2 tasks, but train\.devices = 1"),
        ({"devices": 2}, {"SLURM_STEP_NUM_TASKS": "4"}, "SLURM started 4 tasks"),
        ({}, {"SLURM_STEP_NUM_TASKS": "x"}, "SLURM_STEP_NUM_TASKS is 'x'"),
        ({"nodes": 2, "batch_size": 4}, {}, r"train\.nodes = 2, but nothing started processes"),
    ],
)
def test_tasks_of_slurm_that_are_not_the_processes_of_the_configuration_are_refused(
    make_config, monkeypatch, values, environment, message
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message):
        launch(make_config(**values).train)


def test_a_batch_script_of_a_job_of_several_tasks_is_one_process(make_config, monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert processes._wanted(make_config().train) == (1, 1)


@pytest.mark.parametrize("values", [{"accelerator": "abacus"}, {"accelerator": "cuda"}])
def test_an_accelerator_that_is_not_there_is_named(make_config, values):
    if torch.cuda.is_available() and values["accelerator"] == "cuda":
        pytest.skip("there is a GPU")
    with pytest.raises(
        ConfigError, match=rf"cannot start 1 processes with train\.accelerator = '{values['accelerator']}'"
    ):
        launch(make_config(**values).train)
