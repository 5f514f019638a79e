"""Edits of codes by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vqspeech.codec.source import Source
from vqspeech.conversion import Encoded
from vqspeech.errors import InputError
from vqspeech.studio.edits import edited, parse_edits

CODES = np.array([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]])
SHAPE = {"codebook_sizes": (10, 10), "sample_rate": 16000, "hop_samples": 320, "most_s": 1.0}


def encoded():
    """Five frames of 20 ms but for 10 samples; F0 and power tell the time, in frames of 10 ms."""
    source = Source(power=np.arange(10.0), f0=100 + np.arange(10, dtype=np.float32))
    return Encoded(codes=CODES, n_samples=1590, source=source)


def changed(*edits, **shape):
    return edited(encoded(), parse_edits([{"kind": kind, **rest} for kind, rest in edits]), **(SHAPE | shape))


def test_replaced_codes_keep_their_time():
    result = changed(("replace", {"start": 1, "stop": 3, "book": 1, "code": 0}))
    np.testing.assert_array_equal(result.codes, [[0, 1, 2, 3, 4], [5, 0, 0, 8, 9]])
    np.testing.assert_array_equal(result.source.power, np.arange(10.0))
    assert result.n_samples == 1600 and CODES[1, 1] == 6


def test_repeated_and_deleted_spans_take_pitch_and_level_with_them():
    result = changed(("repeat", {"start": 1, "stop": 2, "times": 2}), ("delete", {"start": 4, "stop": 6}))
    np.testing.assert_array_equal(result.codes, [[0, 1, 1, 1, 4], [5, 6, 6, 6, 9]])
    np.testing.assert_array_equal(result.source.power, [0, 1, 2, 3, 2, 3, 2, 3, 8, 9])
    np.testing.assert_array_equal(result.source.f0, 100 + result.source.power)
    assert result.n_samples == 1600


def test_frames_that_are_no_whole_number_of_those_of_pitch():
    result = changed(("delete", {"start": 0, "stop": 2}), hop_samples=240)
    # 45 ms from 30 ms on
    np.testing.assert_array_equal(result.source.power, [3, 4, 5, 6, 7])


def test_no_edits_change_nothing():
    given = encoded()
    assert edited(given, [], **SHAPE) is given


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({"kind": "swap", "start": 0, "stop": 1}, "kind"),
        ({"start": 0, "stop": 1}, "kind"),
        ({"kind": "delete", "start": -1, "stop": 1}, "start is -1"),
        ({"kind": "delete", "start": 2, "stop": 2}, "stop is 2"),
        ({"kind": "delete", "start": 0, "stop": 6}, "there are 5"),
        ({"kind": "delete", "start": 0, "stop": 5}, "0.00 s"),
        ({"kind": "repeat", "start": 0, "stop": 5, "times": 20}, "2.10 s"),
        ({"kind": "repeat", "start": 0, "stop": 5, "times": 21}, "times is 21"),
        ({"kind": "replace", "start": 0, "stop": 1, "book": 2}, "codebook 2"),
        ({"kind": "replace", "start": 0, "stop": 1, "code": 10}, "code 10"),
        ({"kind": "replace", "start": 0, "stop": 1, "code": True}, "code is True"),
        ("delete", "kind"),
    ],
)
def test_unusable_edits_are_refused(edit, says):
    with pytest.raises(InputError, match=says):
        edited(encoded(), parse_edits([edit]), **SHAPE)


def test_a_long_list_of_edits_is_refused():
    with pytest.raises(InputError, match="500"):
        parse_edits([{"kind": "delete", "start": 0, "stop": 1}] * 501)
