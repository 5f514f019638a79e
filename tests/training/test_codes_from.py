"""A decoder trained on the frozen codes of another run: ``model.codes_from``."""

import json
import shutil
import signal

import pytest
import torch
from forked import forked, run_forked
from runs import folder, rows, run, same, state, weights

from vqspeech.checkpoints.directory import CHECKSUMS
from vqspeech.checkpoints.store import list_checkpoints
from vqspeech.codec.load import load_speech
from vqspeech.errors import CheckpointError, ConfigError, InputError
from vqspeech.training.audio import AudioTask
from vqspeech.training.run import open_run, train

DECODER = {
    "decoder": {
        "cycles": 1,
        "layers_per_cycle": 2,
        "residual_channels": 4,
        "skip_channels": 8,
        "condition_channels": 4,
    }
}


@pytest.fixture(scope="module")
def second(tmp_path_factory, whole, make_config, store):
    """Eight steps of another decoder on the codes of `whole`."""
    directory = tmp_path_factory.mktemp("second") / "run"
    run(make_config(model={"codes_from": str(whole), **DECODER}), directory, store)
    return directory


def codes_of(directory, waveform):
    return load_speech(directory).model.encode(waveform)


def parts(directory):
    state = load_speech(directory).model.state_dict()
    return {name: tensor for name, tensor in state.items() if not name.startswith("decoder")}


def test_codes_hash_and_weights_are_those_of_the_other_run(second, whole):
    one, two = load_speech(whole), load_speech(second)
    waveform = torch.randn(3, 6000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(one.model.encode(waveform), two.model.encode(waveform))
    assert two.codebook == one.codebook
    assert same(parts(second), parts(whole))
    assert two.config.encoder == one.config.encoder
    assert two.config.quantizer == one.config.quantizer
    assert two.config.decoder != one.config.decoder


def test_only_the_decoder_is_trained(second, whole):
    names = {f"decoder.{name}" for name, _ in load_speech(second).model.decoder.named_parameters()}
    assert set(state(second, 8)["average"]) == names
    first, last = (folder(second, step) / "model.safetensors" for step in (2, 8))
    assert first.read_bytes() != last.read_bytes()
    logged = set().union(*rows(second, "train"))
    assert {"nll_bits", "codes_used"} <= logged
    assert "commitment" not in logged
    assert "shuffled_nll_bits" in rows(second, "valid")[0]


def test_the_checkpoint_says_where_its_codes_are_from(second, whole):
    facts = json.loads((folder(second, 8) / "config.json").read_text())
    source = load_speech(whole)
    assert facts["model"]["codes_from"] == str(whole)
    assert facts["codes_from"]["model"] == str(folder(whole, 8))
    assert facts["codes_from"]["step"] == 8
    assert facts["codes_from"]["codebook"] == source.codebook
    assert facts["codes_from"]["data"] == source.facts["data"] == facts["data"]


def test_it_loads_without_the_other_run(second, whole, tmp_path, make_config, store):
    shutil.copytree(whole, tmp_path / "source")
    run(make_config(steps=2, model={"codes_from": str(tmp_path / "source"), **DECODER}), tmp_path / "run", store)
    shutil.rmtree(tmp_path / "source")
    waveform = torch.randn(1, 4000, generator=torch.Generator().manual_seed(1))
    assert torch.equal(codes_of(tmp_path / "run", waveform), codes_of(whole, waveform))


def test_codes_are_of_full_precision_in_training(whole, make_config, store, tmp_path):
    """With bfloat16 encoders, training would see other codes than decoding."""
    config = make_config(steps=2, model={"codes_from": str(whole), **DECODER}, precision="bf16-mixed")
    run(config, tmp_path / "run", store)
    model, task = load_speech(whole).model, AudioTask(config, store)
    batch = task.validation_batch(0, 0, 1)
    task.model.train()
    with torch.autocast("cpu", torch.bfloat16):
        seen = task.model.loss(batch, torch.Generator()).codes
    mask = batch.frame_mask(model.hop_samples)[:, None]
    wanted = model.encode(batch.waveform, batch.lengths)
    assert torch.equal(seen * mask, wanted * mask)
    assert not task.model.encoder.training
    assert not task.model.quantizer.training
    assert task.model.decoder.training


def test_killed_and_resumed_it_ends_with_the_same_bits(whole, tmp_path, make_config, write_toml, prepared_run):
    config = make_config(steps=60, model={"codes_from": str(whole), **DECODER}, keep_last=1)
    complete, killed = prepared_run(tmp_path / "complete", config), prepared_run(tmp_path / "killed", config)
    write_toml(tmp_path / "train.toml", config)
    command = ["train", tmp_path / "train.toml", "--out"]
    assert run_forked(tmp_path / "said", *command, complete).code == 0
    with forked(tmp_path / "said", *command, killed) as child:
        child.until(lambda: bool(list_checkpoints(killed)))
        child.send(signal.SIGKILL)
        assert child.ended().code == -signal.SIGKILL
    done = run_forked(tmp_path / "said", *command, killed)
    assert done.code == 0, done.stderr
    assert weights(killed, 60) == weights(complete, 60)
    assert same(state(killed, 60), state(complete, 60))


def test_a_source_that_was_moved_continues_and_one_with_other_codes_does_not(
    whole, tmp_path, make_config, store, monkeypatch
):
    shutil.copytree(whole, tmp_path / "moved")
    values = {"codes_from": str(whole), **DECODER}
    run(make_config(steps=4, model=values), tmp_path / "run", store)
    moved = make_config(steps=4, model={**values, "codes_from": str(tmp_path / "moved")})
    open_run(tmp_path / "run", moved)
    assert train(moved, tmp_path / "run", store).step == 4
    run(make_config(seed=1, steps=8), tmp_path / "other", store)
    other = make_config(steps=4, model={**values, "codes_from": str(tmp_path / "other")})
    open_run(tmp_path / "run", other)
    with pytest.raises(CheckpointError, match=r"codes of another model"):
        train(other, tmp_path / "run", store)


def test_given_tables_must_be_those_of_the_source(whole, make_config):
    source = {"codes_from": str(whole)}
    assert make_config(model={**source, "encoder": {"dim": 4}, **DECODER}).model["encoder"]["channels"] == 8
    for table, value, message in [
        ("encoder", {"dim": 5}, r"model\.encoder\.dim: 4 -> 5"),
        ("encoder", {"name": "hubert"}, r'model\.encoder\.name: "conv" -> "hubert"'),
        ("quantizer", {"name": "ema", "codebook_size": 16}, r"model\.quantizer\.codebook_size: 8 -> 16"),
        ("quantizer", {"name": "vq"}, r'model\.quantizer\.name: "ema" -> "vq"'),
        ("sample_rate", 8000, r"model\.sample_rate: 16000 -> 8000"),
        ("spectral", {"weight": 1.0, "hop_samples": 16}, r"model\.spectral\.weight: 0 with model\.codes_from"),
    ]:
        with pytest.raises(ConfigError, match=message):
            make_config(model={**source, table: value, **DECODER})
    with pytest.raises(ConfigError, match="decoder_gradient: 1 with"):
        make_config(model={**source, "decoder_gradient": 0.5, **DECODER})


def test_a_source_that_is_not_there_is_an_error_before_any_work(make_config, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        make_config(model={"codes_from": str(tmp_path / "nowhere")})
    with pytest.raises(ConfigError, match="codes_from"):
        make_config(model={"codes_from": 3})


def test_a_relative_directory_is_kept_absolute(whole, make_config, monkeypatch):
    monkeypatch.chdir(whole.parent)
    assert make_config(model={"codes_from": whole.name, **DECODER}).model["codes_from"] == str(whole)


def test_speakers_of_both_trainings_were_heard(whole, make_config, store, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(list_checkpoints(whole)[-1], source)
    facts = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**facts, "heard_speakers": ["ann", "zoe"]}))
    (source / CHECKSUMS).unlink()
    task = AudioTask(make_config(model={"codes_from": str(source), **DECODER}), store)
    task.save(tmp_path / "made", task.model.state_dict(), 0, {})
    assert load_speech(tmp_path / "made").heard_speakers == (*store.speakers, "zoe")
