"""Summaries of analyses: JSON values, text, numbers, several runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqspeech.analysis.summary import as_lines, json_values, numbers, over_runs, table_lines, table_of_runs


@dataclass
class Part:
    share: float
    names: tuple[str, ...]


def test_numpy_dataclasses_tuples_and_paths_become_json_values():
    value = {"a": np.float32(0.5), "b": np.arange(2), "c": Part(np.inf, ("x",)), "d": Path("x"), 3: {True}, "e": None}
    expected = {"a": 0.5, "b": [0, 1], "c": {"share": None, "names": ["x"]}, "d": "x", "3": [True], "e": None}
    assert json_values(value) == expected


def test_what_has_no_json_form_is_named_with_its_place():
    with pytest.raises(TypeError, match=r"rows\[1\]\.deep is an object of type object"):
        json_values({"rows": [1, {"deep": object()}]})


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), PLAIN))
def test_json_values_stay_and_always_have_a_text(value):
    assert json_values(value) == value
    assert all(isinstance(line, str) for line in as_lines(value))


def test_every_value_of_a_summary_is_in_its_text():
    summary = {"n": 3, "share": 0.25, "by speaker": {"anna": {"mean": 1e-5}}, "long": list(range(40)), "none": None}
    lines = as_lines(summary)
    assert lines[:3] == ["n      3", "share  0.2500", "by speaker"]
    assert lines[3:5] == ["  anna", "    mean  1e-05"]
    assert lines[5] == "long"
    assert " ".join(lines[6:-1]).split() == [str(number) for number in range(40)]
    assert all(line.startswith("  ") and len(line) <= 100 for line in lines[6:-1])
    assert lines[-1] == "none   -"


def test_numbers_have_dotted_names_and_skip_what_is_none():
    assert numbers({"a": 1, "b": {"c": 0.5, "d": None}, "e": "text", "f": True, "g": [1]}) == {
        "a": 1,
        "b.c": 0.5,
        "b.d": None,
    }


def test_runs_are_compared_by_the_scores_that_all_of_them_have():
    scores = [{"a": 1.0, "b": 2.0, "c": None}, {"a": 3.0, "c": 1.0}]
    spread = over_runs(scores)
    assert set(spread) == {"a"}
    assert spread["a"] == {"mean": 2.0, "sd": pytest.approx(2**0.5), "min": 1.0, "max": 3.0}
    assert table_lines(table_of_runs(["one", "two"], scores)) == [
        "      one     two    mean      sd",
        "a  1.0000  3.0000  2.0000  1.4142",
    ]
