"""Configurations: what is read, what is refused and how, and what `--set` makes of text."""

import pytest

from vqspeech.config import (
    FrontEndConfig,
    ModelConfig,
    RunConfig,
    parse,
    parse_model,
    presets,
    read_toml,
)
from vqspeech.errors import ConfigError, InputError, UnknownNameError
from vqspeech.modality import checked
from vqspeech.model import build, check


@pytest.mark.parametrize(
    "values, message",
    [
        ({"sed": 1}, r"unknown key 'sed'.*Did you mean 'seed'\?"),
        ({"train": {"stepz": 1}}, r"unknown key 'train\.stepz'.*Did you mean 'train\.steps'\?"),
        ({"corpus": {"nam": "vctk"}}, r"unknown key 'corpus\.nam'.*Did you mean 'corpus\.name'\?"),
        ({"training": {}}, r"unknown key 'training'"),
        ({"train": {"stepz": 1}, "sed": 2}, r"'train\.stepz'.*'sed'"),
    ],
)
def test_unknown_keys_of_a_run_are_named_with_a_guess(values, message):
    with pytest.raises(ConfigError, match=message):
        parse(RunConfig, values)


@pytest.mark.parametrize(
    "values, guess",
    [
        ({"encodr": {}}, "model.encoder"),
        ({"encoder": {"chanels": 3}}, "model.encoder.channels"),
        ({"encoder": {"front_end": {"nmels": 3}}}, "model.encoder.front_end.n_mels"),
        ({"decoder": {"cycle": 3}}, "model.decoder.cycles"),
        ({"spectral": {"wieght": 3}}, "model.spectral.weight"),
    ],
)
def test_unknown_keys_of_a_model_are_named_with_a_guess(values, guess):
    with pytest.raises(InputError, match=rf"Did you mean '{guess}"):
        check(parse_model(values))


@pytest.mark.parametrize(
    "values, message",
    [
        ({"train": {"steps": "many"}}, r"train\.steps = 'many'"),
        ({"train": {"steps": 2.5}}, r"train\.steps = 2\.5"),
        ({"train": {"precision": "fp8"}}, r"train\.precision = 'fp8'.*'bf16-mixed'"),
        ({"train": 5}, r"train = 5"),
        ({"corpus": {"options": [1]}}, r"corpus\.options = \[1\]"),
        ({"train": {"steps": 0}}, r"train\.steps = 0; at least 1"),
        ({"train": {"validation_batches": 0}}, r"train\.validation_batches = 0; at least 1"),
        ({"train": {"start_crops": 0}}, r"train\.start_crops = 0; at least 1"),
        (
            {"train": {"window_samples": 5000, "crop_samples": 4000}},
            r"train\.window_samples: at most train\.crop_samples",
        ),
        ({"train": {"weight_average": 1.0}}, r"train\.weight_average = 1\.0; below 1\."),
        ({"train": {"compile": "maybe"}}, r"train\.compile = 'maybe'.*'auto', True or False"),
        ({"train": {"learning_rate": -1e-3}}, r"train\.learning_rate = -0\.001; above 0\."),
        ({"train": {"learning_rate": float("nan")}}, r"train\.learning_rate = nan; a finite number"),
        (
            {"train": {"batch_size": 3, "devices": 4}},
            r"train\.batch_size = 3; at least one crop for each of 4 processes",
        ),
    ],
)
def test_values_of_a_run_that_cannot_be_used_are_named(values, message):
    with pytest.raises(ConfigError, match=message):
        parse(RunConfig, values)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"encoder": {"strides": [[2, 4]]}}, r"model\.encoder\.strides: kernel >= stride"),
        ({"encoder": {"strides": [[4, 0]]}}, r"model\.encoder\.strides: kernel >= stride"),
        ({"encoder": {"strides": []}}, r"model\.encoder\.strides: at least one"),
        ({"encoder": {"strides": [[4, 2, 1]]}}, r"model\.encoder\.strides\.0"),
        ({"encoder": {"dim": 0}}, r"model\.encoder\.dim = 0; at least 1"),
        ({"decoder": {"condition_upsampling": 0}}, r"model\.decoder\.condition_upsampling = 0; at least 1"),
        ({"decoder": {"condition_upsampling": 7}}, r"model\.decoder\.condition_upsampling: a divisor of 64"),
        ({"decoder": {"condition_kernel": 2}}, r"model\.decoder\.condition_kernel: odd"),
        ({"decoder": {"cycles": 0}}, r"model\.decoder\.cycles = 0; at least 1"),
        ({"spectral": {"weight": 1.0, "hop_samples": 0}}, r"model\.spectral\.hop_samples = 0; at least 1"),
        ({"spectral": {"weight": 1.0, "hop_samples": 48}}, r"model\.spectral\.hop_samples: a divisor of .* 64"),
        (
            {"encoder": {"front_end": {"kind": "mfcc", "n_mels": 10}}},
            r"n_mfcc: at most model\.encoder\.front_end\.n_mels",
        ),
        ({"spectral": {"weight": 1, "kind": "logmel", "lifter": -0.3}}, r"model\.spectral\.lifter: weights cepstral"),
        (
            {"encoder": {"front_end": {"kind": "mfcc", "mean_window_samples": -1}}},
            r"mean_window_samples = -1; at least 0",
        ),
        ({"encoder": {"front_end": {"kind": "fbank"}}}, r"model\.encoder\.front_end\.kind = 'fbank'"),
        ({"quantizer": {"codebook_size": 4}}, r"model\.quantizer\.name: the name of a registered quantizer"),
        ({"jitter": 0.5}, r"model\.jitter = 0\.5; below 0\.5"),
        ({"sample_rate": 0}, r"model\.sample_rate = 0; at least 1"),
    ],
)
def test_values_of_a_model_that_cannot_be_used_are_named(values, message):
    with pytest.raises(ConfigError, match=message):
        check(parse_model(values))


def test_one_message_has_every_fault_of_a_configuration():
    values = {
        "sed": 1,
        "train": {"steps": 0, "batch_size": -1, "learning_rate": 0, "precision": "fp8"},
        "corpus": {"name": "folder", "options": {"max_uterances": 3}},
        "model": {
            "jitter": 2,
            "spectral": {"weight": -1, "n_mels": 0},
            "encoder": {"chanels": 3, "dim": "wide", "perturb": {"warp": 0.7}},
            "quantizer": {"name": "emma"},
            "decoder": {"cycles": "many"},
        },
    }
    with pytest.raises(ConfigError) as caught:
        checked(values)
    for part in (
        "unknown key 'sed'",
        "train.steps = 0; at least 1",
        "train.batch_size = -1; at least 1",
        "train.learning_rate = 0; above 0",
        "train.precision = 'fp8'",
        "'corpus.options.max_uterances'",
        "model.jitter = 2; below 0.5",
        "model.spectral.weight = -1; at least 0",
        "model.spectral.n_mels = 0; at least 1",
        "'model.encoder.chanels'",
        "model.encoder.dim = 'wide'",
        "model.encoder.perturb.warp = 0.7; below 0.5",
        "unknown quantizer 'emma'",
        "model.decoder.cycles = 'many'",
    ):
        assert str(caught.value).count(part) == 1, part


def test_rules_between_keys_are_named_beside_other_faults():
    values = {"train": {"window_samples": 5000, "crop_samples": 4000}, "model": {"quantizer": {"name": "emma"}}}
    with pytest.raises(
        ConfigError, match=r"train\.window_samples: at most train\.crop_samples.*unknown quantizer 'emma'"
    ):
        checked(values)


def test_a_fault_of_another_table_is_not_blamed_on_a_default():
    # The default of crop_samples, in the place of the unusable value, would be shorter than a code.
    model = {"encoder": {"strides": [[4096, 2048], [64, 32]]}}
    with pytest.raises(ConfigError) as caught:
        checked({"train": {"crop_samples": 0}, "model": model})
    assert str(caught.value) == "unusable configuration: train.crop_samples = 0; at least 1."


def test_the_hop_is_the_product_of_the_strides_and_of_the_front_end():
    assert build(ModelConfig(), ()).hop_samples == 64
    values = {"encoder": {"front_end": {"kind": "logmel", "hop_samples": 160}, "strides": [[4, 2], [4, 2]]}}
    assert build(parse_model(values), ()).hop_samples == 640


def test_dilations_double_in_each_cycle():
    model = build(parse_model({"decoder": {"cycles": 2, "layers_per_cycle": 3}}), ())
    assert model.decoder.dilations == (1, 2, 4, 1, 2, 4)


# parts by name


def test_tables_without_a_name_mean_the_built_in_parts():
    model = parse_model({"encoder": {"dim": 8}, "decoder": {}})
    assert model.encoder == {"name": "conv", "dim": 8}
    assert model.decoder == {"name": "wavenet"}
    assert model.quantizer == {"name": "vq"}


def test_a_checked_model_holds_every_option():
    model = check(parse_model({"encoder": {"dim": 8}, "quantizer": {"name": "ema", "decay": 0.9}}))
    assert (model.encoder["dim"], model.encoder["channels"], model.encoder["strides"]) == (8, 256, [[4, 2]] * 6)
    assert model.encoder["front_end"]["kind"] == "waveform"
    assert (model.quantizer["decay"], model.quantizer["codebook_size"]) == (0.9, 512)
    assert model.decoder["past_noise"] == 0.0
    assert check(model) == model


def test_past_noise_of_older_configurations_is_an_option_of_the_decoder():
    model = parse_model({"past_noise": 8, "decoder": {"cycles": 1}})
    assert model.decoder == {"name": "wavenet", "past_noise": 8, "cycles": 1}


def test_another_part_than_the_preset_s_starts_from_its_own_defaults():
    model = parse_model({"preset": "paper-vctk", "quantizer": {"name": "fsq"}, "decoder": {"cycles": 1}})
    assert model.quantizer == {"name": "fsq"}
    assert (model.decoder["cycles"], model.decoder["residual_channels"]) == (1, 256)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"encoder": {"name": "cnov"}}, r"unknown encoder 'cnov'.*Did you mean 'conv'"),
        ({"decoder": {"name": "wavnet"}}, r"unknown decoder 'wavnet'.*Did you mean 'wavenet'"),
        ({"quantizer": {"name": "ema", "decay": "slow"}}, r"model\.quantizer\.decay = 'slow'"),
        ({"decoder": {"residual_channels": 2.5}}, r"model\.decoder\.residual_channels = 2\.5"),
    ],
)
def test_names_and_types_of_parts_are_checked(values, message):
    with pytest.raises(InputError, match=message):
        check(parse_model(values))


# files and presets


def test_files_that_are_missing_or_not_toml_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*none\.toml: No such file"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = = 1")
    with pytest.raises(ConfigError, match=r"bad\.toml is not a TOML file: .*line 1"):
        read_toml(tmp_path / "bad.toml")
    (tmp_path / "latin.toml").write_bytes("a = 'é'".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.toml is not a TOML file"):
        read_toml(tmp_path / "latin.toml")


def test_a_preset_gives_way_to_values():
    model = parse_model({"preset": "paper-phoneme", "quantizer": {"codebook_size": 64}, "jitter": 0.1})
    assert model.quantizer == {"name": "vq", "codebook_size": 64, "beta": 0.25}
    assert model.encoder["strides"][-1] == [9, 5]
    assert model.jitter == 0.1


def test_an_unknown_preset_is_named_with_a_guess():
    assert set(presets()) >= {"paper-vctk", "paper-phoneme"}
    with pytest.raises(UnknownNameError, match=r"unknown preset 'paper-vtck'.*Did you mean 'paper-vctk'\?"):
        parse_model({"preset": "paper-vtck"})


def test_a_waveform_front_end_needs_no_spectral_values():
    assert FrontEndConfig(kind="waveform", n_mels=1).kind == "waveform"
