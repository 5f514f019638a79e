"""What training leaves behind, learns and keeps, on any corpus and in parts, and what ends it."""

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch
from runs import folder, named, rows, run, state

from vqspeech.codec.load import load_speech
from vqspeech.config import TrainConfig
from vqspeech.corpora.folder import read
from vqspeech.corpora.store import prepare
from vqspeech.errors import PluginError
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.nn.vqvae import VQVAE
from vqspeech.runs import RunDirectory
from vqspeech.training.schedule import learning_rate_share
from vqspeech.training.stopping import TrainingError
from vqspeech.training.trainer import Trainer


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
    checkpoint = load_speech(whole)
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


def test_the_learning_rate_warms_up_and_decays(whole):
    train = TrainConfig(steps=100, warmup_steps=10, learning_rate=0.5, final_learning_rate_share=0.1)
    share = [learning_rate_share(step, train) for step in range(101)]
    assert share[0] == pytest.approx(0.1)
    assert share[9] == pytest.approx(1.0, rel=0.03)
    assert share[100] == pytest.approx(0.1)
    assert all(share[step] > share[step + 1] for step in range(10, 100))
    assert rows(whole, "train")[-1]["learning_rate"] == pytest.approx(0.01 * 0.05)


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
    assert load_speech(result.checkpoint).speakers == ("ann",)
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
    # May change when a run goes on.
    assert run(other, tmp_path / "whole", store).step == 12


def test_the_rate_leaves_out_validation_and_saving(tmp_path, make_config, store, monkeypatch):
    now = [0.0]

    def spend(name, seconds):
        method = getattr(Trainer, name)

        def spending(self):
            now[0] += seconds
            return method(self)

        monkeypatch.setattr(Trainer, name, spending)

    for module in ("trainer", "metrics"):
        monkeypatch.setattr(f"vqspeech.training.{module}.time.monotonic", lambda: now[0])
    spend("step", 2.0)
    spend("validate", 50.0)
    spend("save", 30.0)
    run(make_config(steps=6, log_every=2, validate_every=3, checkpoint_every=1), tmp_path / "run", store)
    found = rows(tmp_path / "run", "train")
    assert [row["samples_per_second"] for row in found] == [pytest.approx(4 * 2560 / 2.0)] * 3
    assert found[-1]["seconds"] > 6 * 2 + 50


# which checkpoints are kept


def test_the_last_and_the_best_are_kept(tmp_path, make_config, store, monkeypatch):
    losses = iter([3.0, 1.0, 2.0, 4.0])

    def validate(self):
        self.validated = self.steps, next(losses)
        return {"nll_bits": self.validated[1]}

    monkeypatch.setattr(Trainer, "validate", validate)
    run(make_config(keep_last=1, validate_every=2), tmp_path / "run", store)
    assert named(tmp_path / "run") == ["step-00000004", "step-00000008"]
    assert load_speech(tmp_path / "run", "best").step == 4
    assert load_speech(tmp_path / "run").step == 8
    best = json.loads((tmp_path / "run" / "checkpoints" / "best.json").read_text())
    assert best == {"checkpoint": "step-00000004", "criterion": "nll", "value": 1.0}


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_only_so_many_are_kept(tmp_path, make_config, store, keep):
    run(make_config(keep_last=keep, validate_every=1000), tmp_path / "run", store)
    assert named(tmp_path / "run") == [f"step-{step:08}" for step in (2, 4, 6, 8)][-keep:]


# what ends it


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
    with pytest.raises(TrainingError, match=rf"{found}; the last checkpoint, step-00000004, is kept") as error:
        run(make_config(log_every=log_every), tmp_path / "run", store)
    assert error.value.exit_code == 1
    assert named(tmp_path / "run")[-1] == "step-00000004"
    assert all(torch.isfinite(tensor).all() for tensor in load_speech(tmp_path / "run").model.state_dict().values())


def test_a_loss_that_is_no_number_before_the_first_checkpoint_says_that_there_is_none(
    tmp_path, make_config, store, monkeypatch
):
    loss = VQVAE.loss
    broken = lambda self, *rest: (result := loss(self, *rest))._replace(total=result.total * float("nan"))  # noqa: E731
    monkeypatch.setattr(VQVAE, "loss", broken)
    with pytest.raises(TrainingError, match=r"no longer finite at step 2; there is no checkpoint yet"):
        run(make_config(log_every=100), tmp_path / "run", store)


def test_figures_that_are_not_finite_are_null_in_the_metrics(tmp_path, make_config, store, monkeypatch):
    """A validation loss that is no number is no best one either."""
    monkeypatch.setattr(VQVAE, "shuffled", lambda self, batch: torch.tensor(float("inf")))
    loss = VQVAE.loss

    def broken(self, batch, generator=None):
        result = loss(self, batch, generator)
        return result if self.training else result._replace(terms=result.terms | {"nll": torch.tensor(float("nan"))})

    monkeypatch.setattr(VQVAE, "loss", broken)
    run(make_config(), tmp_path / "run", store)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert "NaN" not in lines and "Infinity" not in lines
    assert [row["nll_bits"] for row in rows(tmp_path / "run", "valid")] == [None, None]
    assert [row["shuffled_nll_bits"] for row in rows(tmp_path / "run", "valid")] == [None, None]
    assert not (tmp_path / "run" / "checkpoints" / "best.json").exists()
    assert load_speech(tmp_path / "run", "best").step == 8


def test_a_model_whose_loss_lacks_its_criterion_is_named(tmp_path, make_config, store, monkeypatch):
    monkeypatch.setattr(VQVAE, "criterion", "warmth")
    with pytest.raises(PluginError, match=r"VQVAE\.loss has no term 'warmth'.* it has .*nll"):
        run(make_config(), tmp_path / "run", store)


def test_a_decoder_whose_losses_lack_its_criterion_is_named(tmp_path, make_config, store, monkeypatch):
    """Although codes are shuffled by that term."""
    monkeypatch.setattr(WaveNet, "criterion", "warmth")
    with pytest.raises(PluginError, match=r"no term 'warmth'.* it has .*nll"):
        run(make_config(), tmp_path / "run", store)


def test_a_model_with_nothing_to_shuffle_logs_no_shuffled_loss(tmp_path, make_config, store, monkeypatch):
    monkeypatch.setattr(VQVAE, "shuffled", lambda self, batch: None)
    run(make_config(steps=4), tmp_path / "run", store)
    assert [name for name in rows(tmp_path / "run", "valid")[0] if "shuffled" in name] == []


def test_a_best_checkpoint_of_an_earlier_release_is_taken_over(whole, tmp_path, make_config, store):
    """Its train state names no criterion, which was the negative log-likelihood; its best.json held it in bits."""
    shutil.copytree(whole, tmp_path / "run")
    shutil.rmtree(folder(tmp_path / "run", 8))
    directory = RunDirectory(tmp_path / "run")
    path = directory.checkpoint(6) / "train_state.pt"
    old = torch.load(path, weights_only=True)
    del old["best_criterion"]
    torch.save({**old, "best": 0.1, "best_name": "step-00000002"}, path)
    (directory.checkpoint(6) / "checksums.json").unlink()
    directory.best.write_text('{"checkpoint": "step-00000002", "nll_bits": 0.14}')
    assert load_speech(tmp_path / "run", "best").step == 2
    run(make_config(), tmp_path / "run", store)
    assert json.loads(directory.best.read_text()) == {"checkpoint": "step-00000002", "criterion": "nll", "value": 0.1}
    assert state(tmp_path / "run", 8)["best"] == 0.1
