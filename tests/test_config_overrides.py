"""Configurations: assignments of --set, merging, comparing."""

import json
import tomllib

import pytest

from vqspeech.config import RunConfig, differences, merge, override, parse, parse_model, plain
from vqspeech.errors import ConfigError

# --set


@pytest.mark.parametrize(
    "text, value",
    [
        ("3", 3),
        ("-2", -2),
        ("2e-3", 2e-3),
        ("1_000", 1000),
        ("true", True),
        ("[[4, 2], [4, 2]]", [[4, 2], [4, 2]]),
        ('"quoted"', "quoted"),
        ("bare", "bare"),
        ("bf16-mixed", "bf16-mixed"),
        ("p225,p226", "p225,p226"),
        ("/some/path=x", "/some/path=x"),
        ("", ""),
        ("{ kind = 'mfcc' }", {"kind": "mfcc"}),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_what_is_set_is_read_as_toml_or_as_text(text, value):
    result = override({}, [f"a.b={text}"])
    assert result == {"a": {"b": value}}
    assert type(result["a"]["b"]) is type(value)


def test_later_assignments_win_and_the_given_values_stay_as_they_are():
    values = {"train": {"steps": 1, "seed": 2}}
    assert override(values, ["train.steps=3", "train.steps=4", " new.key = 5"]) == {
        "train": {"steps": 4, "seed": 2},
        "new": {"key": 5},
    }
    assert values == {"train": {"steps": 1, "seed": 2}}


@pytest.mark.parametrize("assignment", ["steps", "=3", " =3", ""])
def test_an_assignment_without_key_or_sign_is_refused(assignment):
    with pytest.raises(ConfigError, match=r"write key=value, for example --set train\.steps=2000"):
        override({}, [assignment])


def test_an_assignment_through_a_value_is_refused():
    with pytest.raises(ConfigError, match=r"'steps' is a value, not a table"):
        override({"train": {"steps": 3}}, ["train.steps.more=1"])


def test_another_name_leaves_the_options_of_the_former_behind():
    values = {"model": {"quantizer": {"name": "ema", "decay": 0.9}}, "corpus": {"name": "demo", "options": {"a": 1}}}
    changed = override(values, ["model.quantizer.levels=[5, 5]", "model.quantizer.name=fsq"])
    assert changed == {**values, "model": {"quantizer": {"name": "fsq", "levels": [5, 5]}}}
    assert override(values, ["model.quantizer.name=ema"]) == values
    assert override(values, ["corpus.name=folder"])["corpus"] == {"name": "folder"}


def test_values_that_json_does_not_know_pass_through():
    values = tomllib.loads("when = 2020-01-01")
    assert override(values, []) == values


# merging and comparing


def test_merge_goes_into_tables_and_leaves_its_arguments():
    base, changes = {"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": 9}, "d": [2], "e": {"f": 1}}
    assert merge(base, changes) == {"a": {"b": 9, "c": 2}, "d": [2], "e": {"f": 1}}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merge({"a": {"b": 1}}, {"a": 3}) == {"a": 3}


def test_differences_name_the_dotted_key_and_both_values():
    old, new = {"a": {"b": 1, "c": [1, 2]}, "d": "x"}, {"a": {"b": 2, "c": [1, 2]}, "e": None, "d": "x", "f": 1}
    assert differences(old, new) == ["a.b: 1 -> 2", "f: null -> 1"]
    assert differences(old, old) == []


def test_a_configuration_survives_json():
    config = parse(RunConfig, {"seed": 3, "model": {"preset": "paper-vctk"}, "train": {"steps": 7}})
    assert parse(RunConfig, json.loads(json.dumps(plain(config)))) == config
    model = parse_model({"preset": "paper-phoneme", "encoder": {"channels": 8}})
    assert parse_model(json.loads(json.dumps(plain(model)))) == model
