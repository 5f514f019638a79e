"""Values of TOML files and of `--set` that no configuration has."""

import pytest

from vqspeech.config import RunConfig, override, parse, read_toml
from vqspeech.errors import ConfigError


def test_a_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbfseed = 3\n")
    assert read_toml(tmp_path / "bom.toml") == {"seed": 3}


@pytest.mark.parametrize(
    "text, message",
    [
        ("a = " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        ("a = " + "[" * 40 + "]" * 40, "nested too deeply"),
        ("a = " + "1" * 5000, "not a TOML file"),
        ("a = 18446744073709551616", r"a: a whole number below 2\^64"),
        ("[model.spectral]\nlifter = nan", r"model\.spectral\.lifter = nan; a finite number"),
        ("[train]\ngradient_clip = inf", r"train\.gradient_clip = inf"),
        ("[corpus.options]\nday = 2020-01-01", r"corpus\.options\.day = 2020-01-01; no date or time"),
        ("a = [1, {b = 07:32:00}]", r"a\[1\]\.b = 07:32:00"),
    ],
)
def test_values_that_no_configuration_has_are_named(tmp_path, text, message):
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_toml(tmp_path / "config.toml")


@pytest.mark.parametrize("assignment", ["a=" + "[" * 3000 + "]" * 3000, "a=" + "1" * 5000])
def test_an_assignment_that_cannot_be_read_is_named(assignment):
    with pytest.raises(ConfigError, match="--set a: the value cannot be read"):
        override({}, [assignment])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_no_values(value):
    with pytest.raises(ConfigError, match=r"model\.spectral\.lifter = .*a finite number"):
        parse(RunConfig, {"model": {"spectral": {"lifter": value}}})
    with pytest.raises(ConfigError, match=r"train\.gradient_clip = .*a finite number"):
        parse(RunConfig, {"train": {"gradient_clip": value}})


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_a_seed_beyond_64_bits_is_refused(seed):
    with pytest.raises(ConfigError, match="seed"):
        parse(RunConfig, {"seed": seed})
