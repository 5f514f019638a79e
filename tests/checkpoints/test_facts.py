"""The config.json of a stranger: values of other types or out of range are named, and nothing is built from them."""

import json
import os

import pytest

from vqspeech.checkpoints.description import describe
from vqspeech.checkpoints.directory import write
from vqspeech.errors import CheckpointError

FACTS = {
    "format": 1,
    "vqspeech": "0.1.0",
    "step": 3,
    "speakers": ["p1", "p2"],
    "model": {"sample_rate": 16000, "decoder": {"name": "wavenet", "cycles": 1}},
    "plugins": {"decoder": {"name": "wavenet", "distribution": "vqspeech", "version": "0.1.0"}},
}


@pytest.fixture
def model(tmp_path):
    """Writes a checkpoint with these facts, without checksums."""

    def make(**changes):
        facts = {name: value for name, value in {**FACTS, **changes}.items() if value is not ...}
        (tmp_path / "model.safetensors").touch()
        (tmp_path / "config.json").write_text(json.dumps(facts))
        return tmp_path

    return make


def test_facts_are_returned_as_they_are(model):
    path, facts = describe(model())
    assert facts == FACTS and path == model()


def test_a_model_without_plugins_or_version_is_described(model):
    facts = describe(model(plugins=..., vqspeech=...))[1]
    assert (facts["plugins"], facts["vqspeech"]) == ({}, "unknown")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"format": "1"}, "format is '1'"),
        ({"format": float("inf")}, "format is inf"),
        ({"step": ...}, "step is None"),
        ({"step": -3}, "step is -3"),
        ({"step": 1.5}, "step is 1.5"),
        ({"speakers": ...}, "speakers is None"),
        ({"speakers": "p1"}, "speakers is 'p1'"),
        ({"speakers": ["p1", ["p2"]]}, r"speakers\[1\] is a list"),
        ({"speakers": ["p1", "p1"]}, "several speakers have the same name"),
        ({"speakers": ["p1", "\ud800"]}, r"speakers\[1\] is .*not a text"),
        ({"model": []}, "model is a list"),
        ({"model": {"decoder": {"layers_per_cycle": 2**31}}}, r"model\.decoder\.layers_per_cycle is 2147483648"),
        ({"model": {"spectral": {"lifter": float("nan")}}}, r"model\.spectral\.lifter is nan"),
        ({"model": {"a": [[[[[[[[[[]]]]]]]]]] * 70_000}}, r"model\.a has 70000 items"),
        ({"plugins": None}, "plugins is None"),
        ({"plugins": {"decoder": "wavenet"}}, r"plugins\.decoder is 'wavenet'"),
        ({"plugins": {"decoder": {"name": ["x"], "distribution": "a", "version": "1"}}}, r"decoder\.name is a list"),
        ({"corpus": {"variant": 7}}, r"corpus\.variant is 7"),
        ({"speaker_notes": ["p1"]}, "speaker_notes is a list"),
        ({"codes": {"source": 3}}, r"codes\.source is 3"),
        ({"codes_from": {"model": "m"}}, r"codes_from\.codebook is None"),
        ({"run": {"train": 5}}, r"run\.train is 5"),
    ],
)
def test_values_that_no_release_wrote_are_named(model, changes, message):
    with pytest.raises(CheckpointError, match=message):
        describe(model(**changes))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": ' + "1" * 5000 + "}", "\x00", '{"format": 1'])
def test_what_is_no_json_is_refused(model, text):
    path = model()
    (path / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        describe(path)


def test_a_pipe_is_not_waited_for(model):
    path = model()
    (path / "config.json").unlink()
    os.mkfifo(path / "config.json")
    with pytest.raises(CheckpointError, match=r"config\.json is not a file"):
        describe(path)


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path):
    path = tmp_path / "step-00000003"
    content = json.dumps(FACTS).encode()
    write(path, {"config.json": content, "model.safetensors": b""})
    assert describe(path)[1]["speakers"] == ["p1", "p2"]
    (path / "config.json").write_bytes(content.replace(b'"p2"', b'"p3"'))
    with pytest.raises(CheckpointError, match=r"config\.json is damaged: its checksum .*delete checksums\.json"):
        describe(path)


@pytest.mark.parametrize("name", ["../step-00000009", "/tmp", "step-00000009", 7, None])
def test_the_best_checkpoint_is_one_of_the_run(tmp_path, name):
    path = tmp_path / "checkpoints" / "step-00000003"
    write(path, {"config.json": json.dumps(FACTS).encode(), "model.safetensors": b""})
    (tmp_path / "checkpoints" / "best.json").write_text(json.dumps({"checkpoint": name}))
    with pytest.raises(CheckpointError, match=r"best\.json is damaged"):
        describe(tmp_path, "best")
