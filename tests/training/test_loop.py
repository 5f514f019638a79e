"""Training goes on exactly where it stopped, keeps what it should, and says what went wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
import torch

from vqspeech.corpora.folder import read
from vqspeech.corpora.store import AudioStore, prepare
from vqspeech.errors import CheckpointError
from vqspeech.model import checkpoints, load
from vqspeech.nn.vqvae import VQVAE
from vqspeech.training import loop
from vqspeech.training.metrics import read_metrics
from vqspeech.training.processes import launch
from vqspeech.training.run import FREE_KEYS, claim, open_run, train
from vqspeech.training.stopping import Interrupted, TrainingError


def run(config, directory, store):
    open_run(directory, config)
    return train(config, directory, store)


def folder(directory, step):
    return directory / "checkpoints" / f"step-{step:08}"


def weights(directory, step):
    return (folder(directory, step) / "model.safetensors").read_bytes()


def state(directory, step):
    return torch.load(folder(directory, step) / "train_state.pt", weights_only=True)


def same(one, two):
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    return torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


def named(directory):
    return [path.name for path in checkpoints(directory)]


def rows(directory, split):
    return [row for row in read_metrics(directory / "metrics.jsonl") if row["split"] == split]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, make_config, store):
    """A run of eight steps that nobody stopped."""
    directory = tmp_path_factory.mktemp("whole") / "run"
    result = run(make_config(), directory, store)
    assert result.step == 8
    assert result.checkpoint == folder(directory, 8)
    return directory


@pytest.fixture
def stop_at(monkeypatch):
    """``stop_at(step, number)``: the process gets the signal while it takes that step."""
    one_step = loop._Loop._one_step

    def plan(step, number):
        def taking(self):
            if self.step + 1 == step:
                os.kill(os.getpid(), number)
            return one_step(self)

        monkeypatch.setattr(loop._Loop, "_one_step", taking)

    yield plan
    monkeypatch.setattr(loop._Loop, "_one_step", one_step)


# what a run leaves


def test_a_run_leaves_checkpoints_and_metrics(whole):
    assert named(whole) == [f"step-{step:08}" for step in (2, 4, 6, 8)]
    assert [row["step"] for row in rows(whole, "train")] == [2, 4, 6, 8]
    assert [row["step"] for row in rows(whole, "valid")] == [4, 8]
    for row in rows(whole, "train"):
        assert {
            "nll_bits",
            "commitment",
            "codes_used",
            "perplexity",
            "samples_per_second",
            "learning_rate",
        } <= row.keys()
    for row in rows(whole, "valid"):
        assert {"nll_bits", "shuffled_nll_bits", "codes_used", "normalised_entropy"} <= row.keys()
    assert 0 < rows(whole, "train")[-1]["nll_bits"] < 10


def test_its_checkpoint_loads_and_holds_the_averaged_weights(whole):
    checkpoint = load(whole)
    assert (checkpoint.step, checkpoint.speakers) == (8, ("ann", "bob", "cid"))
    average = state(whole, 8)["average"]
    parameters = dict(checkpoint.model.named_parameters())
    assert average.keys() == parameters.keys()
    assert all(torch.equal(tensor, parameters[name]) for name, tensor in average.items())
    assert checkpoint.facts["run"]["train"]["steps"] == 8


def test_training_learns(tmp_path, make_config, store):
    result = run(make_config(steps=60, validate_every=60, checkpoint_every=60, log_every=10), tmp_path / "run", store)
    bits = [row["nll_bits"] for row in rows(tmp_path / "run", "train")]
    assert bits[-1] < bits[0] - 0.3
    assert result.seconds > 0


def test_the_learning_rate_warms_up_and_decays(tmp_path, make_config, store):
    config = make_config(steps=100, warmup_steps=10, learning_rate=0.5, final_learning_rate_share=0.1)
    rate = loop._Loop(config, tmp_path, _task(config, store), launch(config.train))._rate
    assert rate(0) == pytest.approx(0.1)
    assert rate(9) == pytest.approx(1.0, rel=0.03)
    assert rate(100) == pytest.approx(0.1)
    assert all(rate(step) > rate(step + 1) for step in range(10, 100))


def _task(config, store):
    from vqspeech.training.run import modality

    return modality(config).task(config, store)


# exact repetition and resumption


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
    with pytest.raises(
        Interrupted, match=rf"signal {int(number)} at step {step} of 8; saved .*step-{step:08}"
    ) as error:
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
    save, sent = loop._Loop._save, []

    def saving(self):
        save(self)
        if not sent:
            sent.append(self.step)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop._Loop, "_save", saving)
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


def test_the_command_stopped_by_sigterm_and_run_again_is_as_never_stopped(tmp_path, make_config, store):
    """In a process of its own, at whatever step the signal finds it."""
    config = make_config(steps=150, log_every=1, checkpoint_every=1000, validate_every=1000)
    run(config, tmp_path / "whole", store)
    lines = ["import json, sys", "from pathlib import Path", "from vqspeech.corpora.store import AudioStore",
             "from vqspeech.cli.main import report", "from vqspeech.training import run",
             "config, out = run.checked(json.loads(Path(sys.argv[1]).read_text())), Path(sys.argv[2])", "try:",
             "    run.open_run(out, config)", "    run.train(config, out, AudioStore.open(sys.argv[3]))",
             "except Exception as error:", "    sys.exit(report(error))"]  # fmt: skip
    (tmp_path / "values.json").write_text((tmp_path / "whole" / "config.json").read_text())
    command = [
        sys.executable,
        "-c",
        "\n".join(lines),
        str(tmp_path / "values.json"),
        str(tmp_path / "run"),
        str(store.directory),
    ]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not rows(tmp_path / "run", "train") and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        said = child.communicate(timeout=60)[1]
    finally:
        child.kill()
    assert child.returncode == 130, said
    assert "Run the same command again to go on" in said
    (stopped,) = rows(tmp_path / "run", "interrupted")
    assert 0 < stopped["step"] < 150
    assert subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    assert weights(tmp_path / "run", 150) == weights(tmp_path / "whole", 150)
    assert same(state(tmp_path / "run", 150)["optimizers"], state(tmp_path / "whole", 150)["optimizers"])


# corpora that are hardly any


def test_one_short_utterance_of_one_speaker_is_padded_and_trained_on(tmp_path, make_config):
    """0.05 s of speech, 4 crops of 0.16 s a step; a silent file beside it is named, not trained on."""
    folder_of_speech = tmp_path / "corpus"
    folder_of_speech.mkdir()
    wave = 0.4 * np.sin(2 * np.pi * 200 * np.arange(800) / 16000)
    soundfile.write(folder_of_speech / "a.wav", wave, 16000)
    soundfile.write(folder_of_speech / "silent.wav", np.zeros(800), 16000)
    (folder_of_speech / "metadata.csv").write_text("path,speaker,split\na.wav,ann,train\nsilent.wav,ann,train\n")
    small = prepare(read(folder_of_speech), tmp_path / "store", workers=1)
    assert list(small.corpus.skipped.values()) == ["holds only silence"]
    result = run(make_config(steps=4, validate_every=2), tmp_path / "run", small)
    assert result.step == 4
    assert load(result.checkpoint).speakers == ("ann",)
    assert all(np.isfinite(row["nll_bits"]) for split in ("train", "valid") for row in rows(tmp_path / "run", split))


# a batch in parts


@pytest.mark.parametrize("accumulate", [2, 4, 5])
@pytest.mark.parametrize("name", ["ema", "vq"])
def test_a_batch_computed_in_parts_trains_the_same(tmp_path, make_config, store, name, accumulate):
    """Gradients, codebook, revival and use of codes; five crops do not split evenly into two or four parts."""
    model = {
        **make_config().model,
        "quantizer": {"name": name, "codebook_size": 8} | ({"revive_every": 2} if name == "ema" else {}),
    }
    options = {"model": model, "batch_size": 5, "steps": 12, "log_every": 1, "checkpoint_every": 12}
    run(make_config(**options), tmp_path / "whole", store)
    run(make_config(**options, accumulate=accumulate), tmp_path / "parts", store)
    for split in ("train", "valid"):
        for ours, theirs in zip(rows(tmp_path / "parts", split), rows(tmp_path / "whole", split), strict=True):
            for key in ours.keys() - {"seconds", "samples_per_second"}:
                assert ours[key] == pytest.approx(theirs[key], abs=1e-4), (ours["step"], key)
    ours, theirs = (state(tmp_path / which, 12)["model"] for which in ("parts", "whole"))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)
    other = make_config(**options, accumulate=accumulate)
    assert run(other, tmp_path / "whole", store).step == 12  # may change when a run goes on


def test_the_rate_leaves_out_validation_and_saving(tmp_path, make_config, store, monkeypatch):
    now = [0.0]

    def spend(name, seconds):
        method = getattr(loop._Loop, name)

        def spending(self):
            now[0] += seconds
            return method(self)

        monkeypatch.setattr(loop._Loop, name, spending)

    for module in ("loop", "metrics"):
        monkeypatch.setattr(f"vqspeech.training.{module}.time.monotonic", lambda: now[0])
    spend("_one_step", 2.0)
    spend("_validate", 50.0)
    spend("_save", 30.0)
    run(make_config(steps=6, log_every=2, validate_every=3, checkpoint_every=1), tmp_path / "run", store)
    found = rows(tmp_path / "run", "train")
    assert [row["samples_per_second"] for row in found] == [pytest.approx(4 * 2560 / 2.0)] * 3
    assert found[-1]["seconds"] > 6 * 2 + 50


# torn checkpoints, and which ones are kept


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


def test_the_last_and_the_best_are_kept(tmp_path, make_config, store, monkeypatch):
    losses = iter([3.0, 1.0, 2.0, 4.0])

    def validate(self):
        self.validated = self.step, next(losses)
        return {"nll_bits": self.validated[1]}

    monkeypatch.setattr(loop._Loop, "_validate", validate)
    run(make_config(keep_last=1, validate_every=2), tmp_path / "run", store)
    assert named(tmp_path / "run") == ["step-00000004", "step-00000008"]
    assert load(tmp_path / "run", "best").step == 4
    assert load(tmp_path / "run").step == 8
    assert json.loads((tmp_path / "run" / "checkpoints" / "best.json").read_text())["checkpoint"] == "step-00000004"


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_only_so_many_are_kept(tmp_path, make_config, store, keep):
    run(make_config(keep_last=keep, validate_every=1000), tmp_path / "run", store)
    assert named(tmp_path / "run") == [f"step-{step:08}" for step in (2, 4, 6, 8)][-keep:]


# what stops a run


@pytest.mark.parametrize(
    "log_every, found", [(2, "no longer finite at step 6"), (100, "weights are no longer finite at step 6")]
)
def test_a_loss_that_is_no_number_ends_training_and_keeps_the_last_good(
    tmp_path, make_config, store, monkeypatch, log_every, found
):
    loss, calls = VQVAE.loss, []

    def breaking(self, batch, generator=None):
        result = loss(self, batch, generator)
        calls.append(self.training)
        broken = sum(calls) == 5 and self.training
        nll = {"nll": result.terms["nll"] * float("nan")} if broken else {}
        return result._replace(total=result.total * float("nan"), terms=result.terms | nll) if broken else result

    monkeypatch.setattr(VQVAE, "loss", breaking)
    with pytest.raises(TrainingError, match=rf"{found}.*last good checkpoint is kept") as error:
        run(make_config(log_every=log_every), tmp_path / "run", store)
    assert error.value.exit_code == 1
    assert named(tmp_path / "run")[-1] == "step-00000004"
    assert all(torch.isfinite(tensor).all() for tensor in load(tmp_path / "run").model.state_dict().values())


def test_a_run_of_another_configuration_is_refused(whole, tmp_path, make_config, store):
    shutil.copytree(whole, tmp_path / "run")
    other = make_config(seed=1, learning_rate=0.5, steps=9)
    expected = r"train\.learning_rate: 0\.01 -> 0\.5; train\.steps: 8 -> 9.*start over with --fresh"
    with pytest.raises(CheckpointError, match=rf"another configuration: seed: 0 -> 1; {expected}"):
        run(other, tmp_path / "run", store)
    assert weights(tmp_path / "run", 8) == weights(whole, 8)


def test_what_is_said_and_kept_may_change(whole, tmp_path, make_config, store):
    shutil.copytree(whole, tmp_path / "run")
    for step in (6, 8):
        shutil.rmtree(folder(tmp_path / "run", step))
    run(make_config(log_every=1, validate_every=8, checkpoint_every=3, keep_last=3), tmp_path / "run", store)
    assert weights(tmp_path / "run", 8) == weights(whole, 8)
    assert named(tmp_path / "run")[-1] == "step-00000008"


def test_every_free_key_is_a_key(make_config):
    from vqspeech.config import RunConfig, _keys

    assert set(_keys(RunConfig, "")) >= FREE_KEYS


def test_another_corpus_under_the_same_run_is_refused(whole, tmp_path, make_config, store):
    """A store that was made again from other recordings does not go on with the old one's weights."""
    shutil.copytree(whole, tmp_path / "run")
    shutil.rmtree(folder(tmp_path / "run", 8))
    other = AudioStore(**{**vars(store), "fingerprint": "0" * 64})
    with pytest.raises(CheckpointError, match=r"trained on other data .*--fresh"):
        run(make_config(), tmp_path / "run", other)


def test_a_damaged_config_is_named(tmp_path, make_config):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json is damaged.*--fresh"):
        claim(tmp_path, make_config())


def test_fresh_starts_over_and_touches_nothing_else(whole, tmp_path, make_config, store):
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    open_run(tmp_path / "run", make_config(seed=1), fresh=True)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.json", "notes.txt"]
