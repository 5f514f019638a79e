"""Runs with `train.compile`: what they record, and that compiling changes rounding only, also when a run resumes."""

import json
import shutil

import pytest
import torch
from forked import command, run_job
from runs import folder, rows, run, weights

from vqspeech.errors import ConfigError
from vqspeech.nn.decoders import compiled
from vqspeech.training.trainer import Trainer


@pytest.fixture(autouse=True)
def traced(monkeypatch):
    """Compile without machine code, which takes seconds instead of minutes."""
    torch._dynamo.reset()
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    yield
    torch._dynamo.reset()


@pytest.fixture(scope="module")
def compiled_run(tmp_path_factory, make_config, store):
    """A compiled run of eight steps."""
    directory = tmp_path_factory.mktemp("compiled") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "BACKEND", "aot_eager")
        run(make_config(compile=True), directory, store)
    return directory


def path(directory, step=8):
    return json.loads((folder(directory, step) / "config.json").read_text())["decoder_path"]


def losses(directory):
    return [row["nll_bits"] for split in ("train", "valid") for row in rows(directory, split)]


def test_a_checkpoint_says_what_computed_the_decoder(whole, compiled_run):
    assert path(whole) == "fused cpu"
    assert path(compiled_run) == "plain compiled"


def test_compiling_changes_rounding_only(whole, compiled_run):
    assert losses(compiled_run) == pytest.approx(losses(whole), rel=1e-4)


def test_a_compiled_run_resumes_with_the_same_bits(compiled_run, tmp_path, make_config, store):
    shutil.copytree(compiled_run, tmp_path / "run")
    for step in (6, 8):
        shutil.rmtree(folder(tmp_path / "run", step))
    run(make_config(compile=True), tmp_path / "run", store)
    assert weights(tmp_path / "run", 8) == weights(compiled_run, 8)


def test_the_choice_may_change_when_a_run_resumes(compiled_run, tmp_path, make_config, store):
    shutil.copytree(compiled_run, tmp_path / "run")
    for step in (6, 8):
        shutil.rmtree(folder(tmp_path / "run", step))
    run(make_config(compile=False), tmp_path / "run", store)
    assert path(tmp_path / "run") == "fused cpu"
    assert losses(tmp_path / "run") == pytest.approx(losses(compiled_run), rel=1e-4)


def test_a_machine_that_cannot_compile_is_named_before_the_first_step(tmp_path, make_config, store, monkeypatch):
    def broken(graph, inputs):
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(compiled, "BACKEND", broken)
    with pytest.raises(ConfigError, match=r"train\.compile = true.*no C\+\+ compiler"):
        run(make_config(compile=True), tmp_path / "run", store)


@pytest.mark.slow
@pytest.mark.usefixtures("whole")
def test_two_processes_compile_and_stay_equal(tmp_path, make_config, prepared_run, write_toml, store, monkeypatch):
    config = make_config(compile=True, batch_size=5, accumulate=2)
    write_toml(tmp_path / "train.toml", config)
    prepared_run(tmp_path / "run", config)
    fit = Trainer.fit

    def noting_weights(self):
        result = fit(self)
        assert self.model.decoder.computation == "plain compiled"
        torch.save(self.model.state_dict(), self.run.path / f"rank-{self.processes.rank}.pt")
        return result

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "fit", noting_weights)
        ends = run_job(tmp_path / "job", command("train", tmp_path / "train.toml", "--out", tmp_path / "run"))
    for end in ends:
        assert end.code == 0, end.stdout + end.stderr
    one, two = (torch.load(tmp_path / "run" / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    alone = tmp_path / "alone"
    run(make_config(compile=False, batch_size=5), alone, store)
    assert losses(tmp_path / "run") == pytest.approx(losses(alone), rel=1e-3)
