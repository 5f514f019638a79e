"""Checkpoints: the same model back, and a message for each way in which one may be unusable."""

import dataclasses
import errno
import json
import shutil
from pathlib import Path

import pytest
import torch

from vqspeech import model as models
from vqspeech.checkpoints import store
from vqspeech.checkpoints.directory import CHECKSUMS
from vqspeech.codec.load import load_speech
from vqspeech.config import parse_model
from vqspeech.errors import CheckpointError, ConfigError, InputError, PluginError, UnknownNameError

VALUES = {
    "encoder": {"strides": [[8, 4], [8, 4]], "channels": 4, "dim": 3},
    "quantizer": {"name": "ema", "codebook_size": 5},
    "decoder": {
        "cycles": 1,
        "layers_per_cycle": 2,
        "residual_channels": 3,
        "skip_channels": 4,
        "condition_channels": 3,
    },
}
SPEAKERS = ["p225", "p226", "p302"]


def build(seed=0, **values):
    torch.manual_seed(seed)
    config = parse_model({**VALUES, **values})
    return config, models.build(config, SPEAKERS).eval()


def write(run, step=7, **values):
    config, model = build(step, **values)
    directory = run / "checkpoints" / f"step-{step:08}"
    store.save(directory, model.state_dict(), config=config, speakers=SPEAKERS, step=step, facts={"data": "abc"})
    return directory, model


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"quantizer": {"name": "vq", "codebook_size": 5}},
        {"encoder": {"front_end": {"kind": "mfcc", "hop_samples": 8}, "strides": [[4, 2]], "channels": 4, "dim": 3}},
        {"spectral": {"weight": 1.0, "hop_samples": 16, "channels": 3}},
    ],
    ids=["ema", "vq", "mfcc", "head"],
)
def test_a_model_comes_back_bit_for_bit(tmp_path, values):
    directory, model = write(tmp_path, **values)
    loaded = load_speech(tmp_path)
    assert (loaded.step, loaded.speakers, loaded.path) == (7, tuple(SPEAKERS), directory)
    assert loaded.facts["data"] == "abc"
    assert not loaded.model.training
    assert loaded.device == torch.device("cpu")
    state = loaded.model.state_dict()
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    waveform = torch.randn(2, 100)
    assert torch.equal(loaded.model.encode(waveform), model.encode(waveform))
    assert load_speech(directory).step == 7


def test_last_best_and_named_checkpoints(tmp_path):
    for step in (2, 10, 4):
        write(tmp_path, step)
    assert load_speech(tmp_path).step == 10
    assert load_speech(tmp_path, "best").step == 10
    (tmp_path / "checkpoints" / "best.json").write_text('{"checkpoint": "step-00000004"}')
    assert load_speech(tmp_path, "best").step == 4
    assert load_speech(tmp_path, "step-00000002").step == 2
    with pytest.raises(UnknownNameError, match=r"unknown checkpoint 'step-00000003'.*best.*step-00000004"):
        load_speech(tmp_path, "step-00000003")


@pytest.mark.parametrize("content", ["{", "[]", "{}", ""])
def test_a_damaged_best_is_named(tmp_path, content):
    write(tmp_path)
    (tmp_path / "checkpoints" / "best.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"best\.json is damaged"):
        load_speech(tmp_path, "best")


def test_writing_again_replaces_and_leaves_nothing_behind(tmp_path):
    write(tmp_path)
    write(tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000007"]
    assert load_speech(tmp_path).step == 7


def test_a_write_that_fails_leaves_the_old_checkpoint(tmp_path):
    directory, model = write(tmp_path)
    with pytest.raises(TypeError):
        store.save(directory, model.state_dict(), config=build()[0], speakers=SPEAKERS, step=8, facts={"x": object()})
    assert load_speech(tmp_path).step == 7
    assert len(list(directory.parent.iterdir())) == 1


# unusable checkpoints


def edit(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_newer_format_says_what_to_do(tmp_path):
    directory, _ = write(tmp_path)
    edit(directory, format=2, vqspeech="9.1")
    with pytest.raises(
        CheckpointError,
        match=r"has format 2, written by vqspeech 9\.1; .*formats up to 1\. Upgrade: pip install -U vqspeech",
    ):
        load_speech(tmp_path)


def test_no_run_and_a_run_without_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no run directory .*nowhere; `vqspeech train`"):
        load_speech(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"holds no checkpoint \(looked for .*step-\*\); train it first"):
        load_speech(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": null}', '{"format": 1}'])
def test_a_damaged_config_is_named(tmp_path, content):
    directory, _ = write(tmp_path)
    (directory / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"step-00000007"):
        load_speech(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "emptied", "gone", "of another model"])
def test_torn_weights_are_refused(tmp_path, damage):
    directory, _ = write(tmp_path)
    path = directory / "model.safetensors"
    if damage == "gone":
        path.unlink()
    elif damage == "of another model":
        other, _ = write(tmp_path / "other", quantizer={"name": "ema", "codebook_size": 6})
        shutil.copy(other / "model.safetensors", path)
    else:
        path.write_bytes(path.read_bytes()[:500] if damage == "cut" else b"")
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be loaded, another checkpoint may"):
        load_speech(tmp_path)


# names


def test_an_unknown_speaker_lists_near_names(tmp_path):
    write(tmp_path)
    checkpoint = load_speech(tmp_path)
    assert checkpoint.speaker_index("p226") == 1
    with pytest.raises(
        UnknownNameError,
        match=r"unknown speaker 'p227'; known: p225, p226, p302.*Did you mean 'p22[56]'.*vqspeech speakers",
    ):
        checkpoint.speaker_index("p227")


def test_an_unknown_quantizer_is_named_with_a_guess():
    with pytest.raises(UnknownNameError, match=r"unknown quantizer 'emma'.*Did you mean 'ema'"):
        build(quantizer={"name": "emma"})


@pytest.mark.parametrize(
    "options, error, message",
    [
        (
            {"codebok_size": 4},
            UnknownNameError,
            r"unknown key 'model\.quantizer\.codebok_size'.*Did you mean 'model\.quantizer\.codebook_size'",
        ),
        ({"dim": 4}, UnknownNameError, r"unknown key 'model\.quantizer\.dim'"),
        ({"codebook_size": "many"}, ConfigError, r"model\.quantizer\.codebook_size = 'many'"),
        ({"codebook_size": 0}, ConfigError, r"quantizer\.codebook_size = 0 cannot be used; at least 1"),
        ({"decay": 1.0}, ConfigError, r"quantizer\.decay = 1\.0 cannot be used"),
    ],
)
def test_hyper_parameters_that_a_quantizer_does_not_take_are_named(options, error, message):
    with pytest.raises(error, match=message):
        build(quantizer={"name": "ema", **options})


PLUGIN = """
    from vqspeech.registry.hookspecs import hookimpl
    from vqspeech.registry.specs import QuantizerSpec
    from vqspeech.nn.quantize.vq import VectorQuantizer

    class Twin(VectorQuantizer):
        pass

    @hookimpl
    def register_quantizers():
        return [QuantizerSpec(name="twin", target="vqspeech_twin:Twin", summary="like vq")]
"""


def test_a_missing_plugin_is_named_with_its_distribution(tmp_path, fake_dist, site, isolated_registry):
    fake_dist("vqspeech-twin", PLUGIN, version="0.3")
    isolated_registry()
    write(tmp_path / "run", quantizer={"name": "twin", "codebook_size": 5})
    assert load_speech(tmp_path / "run").step == 7
    shutil.rmtree(site / "vqspeech_twin-0.3.dist-info")
    isolated_registry()
    with pytest.raises(
        PluginError, match=r"needs the quantizer 'twin' of vqspeech-twin 0\.3: .*pip install vqspeech-twin"
    ):
        load_speech(tmp_path / "run")


def test_another_plugin_of_the_same_name_does_not_stand_in(tmp_path, fake_dist, site, isolated_registry):
    fake_dist("vqspeech-twin", PLUGIN, version="0.3")
    isolated_registry()
    write(tmp_path / "run", quantizer={"name": "twin", "codebook_size": 5})
    shutil.rmtree(site / "vqspeech_twin-0.3.dist-info")
    fake_dist("vqspeech-other", PLUGIN.replace("vqspeech_twin", "vqspeech_other"))
    isolated_registry()
    with pytest.raises(PluginError, match=r"of vqspeech-twin 0\.3: .* not installed: pip install vqspeech-twin"):
        load_speech(tmp_path / "run")


def test_a_plugin_that_registers_the_same_name_later_changes_nothing(tmp_path, fake_dist, isolated_registry):
    fake_dist("vqspeech-twin", PLUGIN, version="0.3")
    isolated_registry()
    write(tmp_path / "run", quantizer={"name": "twin", "codebook_size": 5})
    fake_dist("vqspeech-other", PLUGIN.replace("vqspeech_twin", "vqspeech_other"))
    isolated_registry()
    loaded = load_speech(tmp_path / "run")
    assert type(loaded.model.quantizer).__module__ == "vqspeech_twin"
    assert loaded.config.quantizer["name"] == "vqspeech-twin/twin"


@pytest.mark.parametrize("plugins", [[], "audio", {"modality": "audio"}, {"quantizer": {"name": "vq"}}])
def test_plugins_that_are_not_named_as_they_should_be_are_a_damaged_checkpoint(tmp_path, plugins):
    directory, _ = write(tmp_path / "run")
    edit(directory, plugins=plugins)
    (directory / CHECKSUMS).unlink()
    with pytest.raises(CheckpointError, match=r"config\.json is damaged: plugins"):
        load_speech(tmp_path / "run")


@pytest.mark.parametrize("model", [None, 5, [], "conv"])
def test_a_model_that_is_no_table_is_a_damaged_checkpoint(tmp_path, model):
    directory, _ = write(tmp_path / "run")
    edit(directory, model=model)
    (directory / CHECKSUMS).unlink()
    with pytest.raises(CheckpointError, match=r"config\.json is damaged: model is .*, not an object"):
        load_speech(tmp_path / "run")


def test_a_full_disk_names_the_checkpoint_and_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"cannot write the checkpoint .*step-1: No space left on device"):
        store.save(tmp_path / "step-1", {"a": torch.zeros(2)}, config=parse_model({}), speakers=["s"], step=1)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_quantizer_is_saved_and_its_weights_loaded(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Config:
        width: int

    layer, other = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
    store.save(tmp_path / "checkpoint", layer.state_dict(), config=Config(3), step=1)
    store.load_weights(tmp_path / "checkpoint", other)
    assert torch.equal(layer.weight, other.weight)
    assert "quantizer" not in json.loads((tmp_path / "checkpoint" / "config.json").read_text())["plugins"]
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        store.load_weights(tmp_path / "checkpoint", torch.nn.Linear(2, 4))
