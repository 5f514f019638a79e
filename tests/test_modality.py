"""Configurations are checked by their modality, which may add keys to the table train."""

import dataclasses
import json

import pytest

from vqspeech.config import plain
from vqspeech.errors import CheckpointError, ConfigError, PluginError, UnknownNameError
from vqspeech.modality import checked, modality
from vqspeech.runs import RunDirectory, open_run

PLUGIN = """
    from dataclasses import dataclass
    import vqspeech
    from vqspeech.config import TrainConfig, at_least
    from vqspeech.registry.specs import ModalitySpec

    @vqspeech.hookimpl
    def register_modalities():
        return [
            ModalitySpec(name="speech", target="vqspeech_gan:Speech", summary="has an adversary", media="audio"),
            ModalitySpec(name="odd", target="vqspeech_gan:Odd", summary="something else", media="audio"),
        ]

    @dataclass(frozen=True, kw_only=True)
    class GanConfig(TrainConfig):
        adversary_from: int = 1_000
        adversary_rate: float = 2e-4

        def __post_init__(self):
            super().__post_init__()
            at_least(0, self, "train", "adversary_from")

    class Speech:
        train_config = GanConfig

        def check(self, config):
            return config

        def prepare(self, config, data_dir, directory, progress):
            raise NotImplementedError

        open = task = prepare

    class Odd(Speech):
        train_config = dict
"""


@pytest.fixture
def gan(fake_dist, isolated_registry):
    """``gan(steps=3)``: the checked configuration of a modality with keys of its own."""
    fake_dist("vqspeech-gan", PLUGIN)
    isolated_registry()
    return lambda **train: checked({"modality": "speech", "train": train})


def test_a_modality_adds_its_own_keys_to_train(gan):
    config = gan(adversary_from=7, steps=3)
    assert (config.train.adversary_from, config.train.adversary_rate, config.train.steps) == (7, 2e-4, 3)
    assert type(config.train).__name__ == "GanConfig"
    assert checked(json.loads(json.dumps(plain(config)))) == config
    changed = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=9))
    assert changed.train.adversary_from == 7


def test_its_keys_are_checked(gan):
    with pytest.raises(ConfigError, match=r"train\.adversary_fron'.*Did you mean 'train\.adversary_from'\?"):
        gan(adversary_fron=7)
    with pytest.raises(ConfigError, match=r"train\.adversary_from = -1"):
        gan(adversary_from=-1)
    with pytest.raises(ConfigError, match=r"train\.adversary_from = 'soon'"):
        gan(adversary_from="soon")
    with pytest.raises(ConfigError, match=r"train\.steps = 0"):
        gan(steps=0)


def test_other_modalities_do_not_have_them(gan):
    with pytest.raises(ConfigError, match=r"unknown key 'train\.adversary_from'"):
        checked({"train": {"adversary_from": 7}})


def test_they_are_compared_when_a_run_continues(gan, tmp_path):
    run = RunDirectory(tmp_path / "run")
    open_run(run.path, gan(adversary_from=7))
    run.checkpoint(1).mkdir(parents=True)
    open_run(run.path, gan(adversary_from=7, log_every=3))
    with pytest.raises(CheckpointError, match=r"train\.adversary_from: 7 -> 8"):
        open_run(run.path, gan(adversary_from=8))


def test_keys_that_are_no_train_config_name_the_plugin(gan):
    with pytest.raises(PluginError, match=r"'odd' of vqspeech-gan 0\.3.*train_config"):
        checked({"modality": "odd"})


def test_what_is_no_name_or_no_table_is_an_error():
    with pytest.raises(UnknownNameError, match="adio"):
        checked({"modality": "adio"})
    with pytest.raises(ConfigError, match="modality = 3"):
        checked({"modality": 3})
    with pytest.raises(ConfigError, match="train = 3"):
        checked({"train": 3})


def test_the_modality_of_a_configuration_is_made_anew():
    config = checked({})
    assert modality(config) is not modality(config)
