"""Options of a target: names, types and defaults from its signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from vqspeech.config import Strict
from vqspeech.errors import ConfigError, UnknownNameError
from vqspeech.registry.options import REQUIRED, Option, options_of


@dataclass(frozen=True, kw_only=True)
class Window(Strict):
    length_s: float = 0.025


def target(
    context: object,
    *,
    threshold: float = 0.5,
    mode: Literal["fast", "exact"] = "fast",
    names: Sequence[str] | None = None,
    window: Window = Window(),
    table: Path | None = None,
    plain=3,
    needed: int,
) -> None: ...


OPTIONS = options_of(target, 1)


def test_options_are_the_keywords_after_the_positional_arguments():
    assert list(OPTIONS.declared) == ["threshold", "mode", "names", "window", "table", "plain", "needed"]
    assert OPTIONS.declared["needed"] == Option("needed", int, REQUIRED)
    assert not OPTIONS.open_ended
    assert list(options_of(target, 1, ("needed", "table")).declared) == [
        "threshold",
        "mode",
        "names",
        "window",
        "plain",
    ]


def test_values_are_converted_to_the_types_of_the_annotations():
    values = {"threshold": 1, "names": ["a"], "window": {"length_s": 1}, "table": "x.csv", "plain": 2.5}
    checked = OPTIONS.checked(values)
    assert checked == {
        "threshold": 1.0,
        "names": ["a"],
        "window": Window(length_s=1.0),
        "table": Path("x.csv"),
        "plain": 2.5,
    }
    assert isinstance(checked["threshold"], float)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"threshold": "hot"}, ["x.threshold", "'hot'"]),
        ({"mode": "slow"}, ["x.mode", "'fast' or 'exact'"]),
        ({"plain": "many"}, ["x.plain", "'many'"]),
        ({"window": {"length": 1}}, ["x.window.length", "x.window.length_s"]),
    ],
)
def test_a_value_of_another_type_is_named_with_its_key(values, words):
    with pytest.raises(ConfigError) as caught:
        OPTIONS.checked(values, "x.")
    assert all(word in str(caught.value) for word in words)


def test_an_unknown_option_lists_the_known_ones():
    with pytest.raises(UnknownNameError) as caught:
        OPTIONS.checked({"treshold": 1})
    assert "'treshold'" in str(caught.value)
    assert "Did you mean 'threshold'?" in str(caught.value)


def test_a_target_that_takes_any_keyword_gets_them_unchecked():
    def anything(context: object, **options: object) -> None: ...

    options = options_of(anything, 1)
    assert options.open_ended
    assert options.checked({"a": [1]}) == {"a": [1]}


def test_a_class_has_the_options_of_its_constructor():
    class Layer:
        def __init__(self, dim: int, size: int = 8) -> None: ...

    assert options_of(Layer, 1).checked({"size": 16}) == {"size": 16}
    with pytest.raises(ConfigError):
        options_of(Layer, 1).checked({"size": "big"})


def test_an_option_reads_as_in_a_signature():
    assert str(OPTIONS.declared["threshold"]) == "threshold: float = 0.5"
    assert str(OPTIONS.declared["needed"]) == "needed: int"
