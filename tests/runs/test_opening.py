"""A run directory belongs to one configuration, from its first checkpoint on."""

import json

import pytest

from vqspeech.config import plain
from vqspeech.errors import CheckpointError, InputError
from vqspeech.files import write_json
from vqspeech.modality import checked
from vqspeech.runs import FREE_KEYS, RunDirectory, open_run


def config(**values):
    return checked({"corpus": {"name": "folder"}, **values})


@pytest.fixture
def run(tmp_path):
    """A run directory with a store, metrics and no checkpoint."""
    run = RunDirectory(tmp_path / "run")
    open_run(run.path, config())
    run.store.mkdir()
    run.metrics.write_text("")
    return run


def names(run):
    return sorted(path.name for path in run.path.iterdir())


def test_a_trained_run_refuses_another_configuration(run):
    run.checkpoint(2).mkdir(parents=True)
    other = config(seed=1, train={"learning_rate": 0.5})
    expected = r"another configuration: seed: 0 -> 1; train\.learning_rate: 0\.0005 -> 0\.5.*--fresh"
    with pytest.raises(CheckpointError, match=expected):
        open_run(run.path, other)
    assert json.loads(run.config.read_text()) == plain(config())


@pytest.mark.parametrize("made", ["codes", "listening", "pictures", "report", "results"])
def test_what_was_made_with_a_checkpoint_is_kept_when_that_is_gone(run, made):
    getattr(run, made).mkdir()
    with pytest.raises(CheckpointError, match="another configuration"):
        open_run(run.path, config(seed=1))
    assert getattr(run, made).exists()


def test_free_keys_may_change(run):
    run.checkpoint(2).mkdir(parents=True)
    open_run(run.path, config(train={"log_every": 7}))
    assert json.loads(run.config.read_text())["train"]["log_every"] == 7


def test_every_free_key_is_a_key():
    values = plain(config())
    assert {f"{table}.{name}" for table in ("model", "train") for name in values[table]} >= FREE_KEYS


def test_a_run_that_failed_before_its_first_checkpoint_takes_another_configuration(run):
    """The data stay where only the training differs; a corpus or model of another kind gets its own."""
    open_run(run.path, config(train={"learning_rate": 0.5}, seed=3))
    assert names(run) == ["config.json", "store"]
    open_run(run.path, config(corpus={"name": "folder", "trim_db": 40}))
    assert names(run) == ["config.json"]
    assert json.loads(run.config.read_text())["corpus"]["trim_db"] == 40


def test_an_old_run_continues_without_the_keys_that_came_later(run):
    """Both sides are completed with defaults, those that the modality fills in included."""
    run.checkpoint(2).mkdir(parents=True)
    old = plain(config())
    del old["train"]["keep_last"], old["model"]["jitter"], old["model"]["encoder"]["channels"]
    del old["corpus"]["trim_db"]
    write_json(run.config, old)
    open_run(run.path, config())
    assert json.loads(run.config.read_text()) == plain(config())


def test_a_key_that_no_longer_exists_is_a_difference(run):
    run.checkpoint(2).mkdir(parents=True)
    old = plain(config())
    old["model"]["warp"] = 3
    write_json(run.config, old)
    with pytest.raises(CheckpointError, match=r"model\.warp: 3 -> null"):
        open_run(run.path, config())


@pytest.mark.parametrize("text", ["{", "[1, 2]", '"a"', "\x00"])
def test_a_damaged_config_is_named(run, text):
    run.config.write_text(text)
    run.checkpoint(2).mkdir(parents=True)
    (run.checkpoint(2) / "checksums.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"config\.json is damaged.*--fresh"):
        open_run(run.path, config())
    open_run(run.path, config(), fresh=True)
    assert names(run) == ["config.json"]


def test_fresh_starts_over_and_touches_nothing_else(run):
    run.checkpoint(2).mkdir(parents=True)
    (run.path / "notes.txt").write_text("mine")
    open_run(run.path, config(seed=1), fresh=True)
    assert names(run) == ["config.json", "notes.txt"]


def test_what_is_no_run_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        open_run(tmp_path / "file", config())
    with pytest.raises(InputError, match="holds files but no run"):
        open_run(tmp_path, config())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    "text", ['{"hidden_size": 768}', '{"format": 1, "step": 2, "model": {}, "train": {}}', "{", "[]"]
)
def test_the_config_of_another_program_or_of_a_checkpoint_is_no_run(tmp_path, text, fresh):
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(InputError, match="no run of vqspeech"):
        open_run(tmp_path, config(), fresh=fresh)
    assert (tmp_path / "config.json").read_text() == text
