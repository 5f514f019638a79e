from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.analysis.phonemes import (
    PhonemeScores,
    bootstrap_interval,
    joint_counts,
    majority_accuracy,
    majority_map,
    score,
)

PHONES = ["a", "b", "c", "d"]


def noise_of(name: str) -> np.ndarray:
    return np.random.default_rng(int(name[1:])).normal(0, 0.1, 4000).astype(np.float32)


def random_scores(make_table, permute: bool = False) -> PhonemeScores:
    rng = np.random.default_rng(1)
    labels = [[PHONES[i] for i in rng.integers(4, size=20)] for _ in range(6)]
    codes = [[(2 * PHONES.index(p) + int(rng.integers(2))) if rng.random() < 0.6 else 7 for p in own] for own in labels]
    table, alignments = make_table(codes, labels)
    if permute:
        order = np.array([3, 1, 7, 0, 2, 6, 5, 4])
        table = replace(table, rows=tuple(replace(row, codes=order[row.codes]) for row in table))
    return score(table, alignments, noise_of)


labelled = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=60).map(
    lambda pairs: np.asarray(pairs, dtype=np.int64).T
)


@given(labelled)
def test_majority_accuracy_agrees_with_counting_by_hand(pairs: np.ndarray) -> None:
    codes, labels = pairs
    by_code = {code: Counter(labels[codes == code].tolist()) for code in set(codes.tolist())}
    expected = sum(max(counter.values()) for counter in by_code.values()) / len(codes)
    assert majority_accuracy(codes, labels, 6, 4) == pytest.approx(expected)


@given(labelled)
def test_majority_accuracy_is_at_least_the_prior_and_at_most_one(pairs: np.ndarray) -> None:
    codes, labels = pairs
    prior = np.bincount(labels).max() / len(labels)
    assert prior - 1e-12 <= majority_accuracy(codes, labels, 6, 4) <= 1.0


@given(labelled, st.permutations(range(6)))
def test_renaming_codes_changes_nothing(pairs: np.ndarray, order: list[int]) -> None:
    codes, labels = pairs
    assert majority_accuracy(np.asarray(order)[codes], labels, 6, 4) == majority_accuracy(codes, labels, 6, 4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=80), st.integers(0, 5))
def test_the_interval_holds_the_estimate(frames: list[tuple[bool, int]], seed: int) -> None:
    correct, group = (np.asarray(values) for values in zip(*frames, strict=True))
    interval = bootstrap_interval(correct, group, seed)
    if interval is None:
        assert len(set(group.tolist())) == 1
    else:
        assert 0.0 <= interval[0] <= correct.mean() <= interval[1] <= 1.0


def test_a_code_that_never_occurs_gets_the_most_frequent_phone() -> None:
    counts = joint_counts(np.array([0, 0, 2]), np.array([1, 1, 0]), 3, 2)
    assert majority_map(counts).tolist() == [1, 1, 0]


def test_codes_that_are_the_phones_score_one(make_table) -> None:
    labels = [["a", "b", "c", "b"], ["c", "b", "a", "c"], ["a", "b", "c", "c"]]
    table, alignments = make_table([[PHONES.index(p) for p in own] for own in labels], labels)
    scores = score(table, alignments, noise_of)
    assert scores.accuracy == scores.accuracy_other_speakers == 1.0
    assert scores.ci95 == (1.0, 1.0)
    assert scores.mapping == {"0": "a", "1": "b", "2": "c"}
    assert set(scores.per_phone.values()) == {1.0}
    assert np.array_equal(scores.confusion, np.diag([3, 4, 5]))


def test_scores_do_not_depend_on_the_names_of_codes_nor_on_the_clock(make_table) -> None:
    first, again, renamed = (random_scores(make_table), random_scores(make_table), random_scores(make_table, True))
    assert first.summary() == again.summary()
    assert {**first.summary(), "mapping": None} == {**renamed.summary(), "mapping": None}


def test_baselines_stand_on_the_same_frames_with_as_many_codes(make_table) -> None:
    scores = random_scores(make_table)
    assert scores.prior <= scores.random_codes < scores.accuracy
    assert scores.kmeans_mfcc == max(scores.kmeans_mfcc_variants.values())
    assert len(scores.kmeans_mfcc_variants) == 8
    assert (scores.frames, scores.codes, scores.phones) == (120, 8, 4)
    assert scores.counts.sum() == scores.frames


def test_kmeans_tells_apart_what_sounds_different(make_table) -> None:
    labels = [["a", "b"] * 10, ["b", "a"] * 10]
    table, alignments = make_table([[0] * 20, [0] * 20], labels, size=2)

    def waveform(name: str) -> np.ndarray:
        own = labels[int(name[1:])]
        time = np.arange(200) / 8000
        return np.concatenate([np.sin(2 * np.pi * (300 if p == "a" else 2000) * time) for p in own]).astype(np.float32)

    scores = score(table, alignments, waveform)
    assert scores.kmeans_mfcc == 1.0
    assert scores.accuracy == scores.prior == 0.5


def test_one_speaker_has_an_interval_over_utterances_and_no_score_across_speakers(make_table) -> None:
    table, alignments = make_table([[0, 1], [1, 1]], [["a", "b"], ["b", "a"]], speakers=["s", "s"])
    scores = score(table, alignments, noise_of)
    assert scores.ci95_over == "utterances"
    assert scores.ci95 is not None
    assert scores.accuracy_other_speakers is None


def test_the_summary_is_json(make_table) -> None:
    read = json.loads(json.dumps(random_scores(make_table).summary()))
    wanted = {"accuracy", "prior", "random_codes", "kmeans_mfcc", "frames", "phones", "excludes_silence", "ci95"}
    assert wanted <= set(read)
