"""Phones that codes say: the majority map, and segments."""

import numpy as np
import pytest

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.analysis.sampled.phones import PhoneMap, fit_phone_map, phone_sequences, shortest_frames
from vqspeech.analysis.sampled.runs import duration_distance_s, durations, inner_runs, run_lengths
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError


def table(codes, sizes=(4,)):
    codes = np.array(codes)
    row = UtteranceCodes(id="a", speaker="", split="", path="", n_samples=codes.shape[1] * 320, codes=codes)
    return CodeTable(sample_rate=16000, hop_samples=320, codebook_sizes=sizes, rows=(row,))


def alignment(*phones, frame_s=0.02):
    return Alignment(tuple(Interval(at * frame_s, (at + 1) * frame_s, phone) for at, phone in enumerate(phones)))


def test_codes_are_named_by_the_majority_of_their_frames():
    phone_map = fit_phone_map(
        table([[0, 0, 0, 1, 1, 2], [3, 0, 1, 2, 3, 0]], (4, 4)),
        {"a": alignment("aa", "aa", "sil", "t", "t", "sil")},
        "as-written",
    )
    assert phone_map.phones == ("aa", "sil", "t")
    # Code 3 has no frame: the most frequent phone, the first of those that are equally frequent.
    assert [phone_map.phones[place] for place in phone_map.phone_of] == ["aa", "t", "sil", "aa"]
    assert phone_map.accuracy == pytest.approx(5 / 6)
    assert phone_map.utterances == 1


def test_without_alignments_there_is_no_map():
    with pytest.raises(InputError, match="no code has a phone"):
        fit_phone_map(table([[0, 1]]), {})


PHONES = PhoneMap(phones=("a", "b"), phone_of=np.array([0, 1, 0]), inventory="", accuracy=1, utterances=1)


def test_short_segments_are_dropped_and_what_meets_is_one():
    codes = np.array([0, 2, 1, 0, 0, 1, 1, 1])
    phones, lengths = PHONES.segments(codes, 2)
    assert phones.tolist() == [0, 1]
    assert lengths.tolist() == [4, 3]
    assert PHONES.segments(codes, 1)[0].tolist() == [0, 1, 0, 1]
    assert PHONES.segments(codes, 9)[0].tolist() == []
    assert [one.tolist() for one in phone_sequences(PHONES, [codes, codes[:0]], 2)] == [[0, 1], []]


def test_the_shortest_phone_is_two_frames_at_50_hz():
    assert [shortest_frames(rate) for rate in (25, 50, 100, 125)] == [1, 2, 3, 4]


def test_runs_are_counted_without_those_that_windows_cut():
    codes = np.array([5, 5, 1, 2, 2, 2, 1, 1])
    symbols, lengths = run_lengths(codes)
    assert symbols.tolist() == [5, 1, 2, 1]
    assert lengths.tolist() == [2, 1, 3, 2]
    assert inner_runs([codes, np.array([1, 1])]).tolist() == [1, 3]
    found = durations(inner_runs([codes]), 0.02)
    assert (found.runs, found.mean_s, found.median_s, found.single_share) == (2, 0.04, 0.04, 0.5)
    assert durations(inner_runs([]), 0.02) is None


def test_the_distance_of_durations_is_how_far_they_are_moved():
    first = np.array([1, 2, 5])
    assert duration_distance_s(first, first, 0.02) == 0
    assert duration_distance_s(first, first + 3, 0.02) == pytest.approx(0.06)
    assert duration_distance_s(first, np.repeat(first + 1, 2), 0.02) == pytest.approx(0.02)
    assert duration_distance_s(first, first[:0], 0.02) is None
