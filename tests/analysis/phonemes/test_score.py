from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.analysis.contract import AnalysisContext
from vqspeech.analysis.phonemes.analysis import analyse
from vqspeech.analysis.phonemes.baselines import KMEANS_SCORED, KMEANS_TRAINING, RANDOM
from vqspeech.analysis.phonemes.score import score
from vqspeech.analysis.phonemes.scores import CODES, PhonemeScores
from vqspeech.errors import InputError, UnknownNameError

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


def test_codes_that_are_the_phones_score_one(make_table) -> None:
    labels = [["a", "b", "c", "b"], ["c", "b", "a", "c"], ["a", "b", "c", "c"]]
    table, alignments = make_table([[PHONES.index(p) for p in own] for own in labels], labels)
    scores = score(table, alignments, noise_of)
    assert scores.accuracy == scores.across_speakers.accuracy == 1.0
    assert scores.ci95 == (1.0, 1.0)
    assert scores.map.mapping == {"0": "a", "1": "b", "2": "c"}
    assert set(scores.map.per_phone.values()) == {1.0}
    assert np.array_equal(scores.map.confusion, np.diag([3, 4, 5]))


def test_scores_do_not_depend_on_the_names_of_codes_nor_on_the_clock(make_table) -> None:
    first, again, renamed = (random_scores(make_table), random_scores(make_table), random_scores(make_table, True))
    assert first.summary() == again.summary()
    for name in ("accuracy", "ci95", "accuracy_other_speakers", "per_phone", "above_kmeans", "abx_mfcc_within"):
        assert first.summary()[name] == renamed.summary()[name]
    first_unit, other = first.units[CODES], renamed.units[CODES]
    assert (first_unit.clusters.pnmi, first_unit.boundaries_frame, first_unit.abx_across) == (
        pytest.approx(other.clusters.pnmi), other.boundaries_frame, other.abx_across,
    )  # fmt: skip


def test_baselines_stand_on_the_same_frames_with_as_many_codes(make_table) -> None:
    scores = random_scores(make_table)
    assert scores.baselines.prior <= scores.baselines.random_codes < scores.accuracy
    assert scores.baselines.kmeans_mfcc == max(scores.baselines.kmeans_mfcc_variants.values())
    assert len(scores.baselines.kmeans_mfcc_variants) == 8
    assert (scores.counts.frames, scores.counts.codes, scores.counts.phones) == (120, 8, 4)
    assert scores.map.counts.sum() == scores.counts.frames


def test_kmeans_tells_apart_what_sounds_different(make_table) -> None:
    labels = [["a", "b"] * 10, ["b", "a"] * 10]
    table, alignments = make_table([[0] * 20, [0] * 20], labels, size=2)

    def waveform(name: str) -> np.ndarray:
        own = labels[int(name[1:])]
        time = np.arange(200) / 8000
        return np.concatenate([np.sin(2 * np.pi * (300 if p == "a" else 2000) * time) for p in own]).astype(np.float32)

    scores = score(table, alignments, waveform)
    assert scores.baselines.kmeans_mfcc == 1.0
    assert scores.accuracy == scores.baselines.prior == 0.5


def test_one_speaker_has_an_interval_over_utterances_and_no_score_across_speakers(make_table) -> None:
    table, alignments = make_table([[0, 1], [1, 1]], [["a", "b"], ["b", "a"]], speakers=["s", "s"])
    scores = score(table, alignments, noise_of)
    assert scores.ci95_over == "utterances"
    assert scores.ci95 is not None
    assert scores.across_speakers.accuracy is None


def test_the_summary_is_json(make_table) -> None:
    read = json.loads(json.dumps(random_scores(make_table).summary()))
    wanted = {"accuracy", "prior", "random_codes", "kmeans_mfcc", "frames", "phones", "excludes_silence", "ci95"}
    assert wanted <= set(read)


def test_the_fair_kmeans_is_fitted_on_the_training_audio_only(make_table) -> None:
    """On a steady tone all clusters but one stay empty, so the fair k-means is no better than the prior."""
    labels = [["a", "b"] * 10, ["b", "a"] * 10]
    table, alignments = make_table([[0, 1] * 10, [1, 0] * 10], labels, size=2)

    def waveform(name: str) -> np.ndarray:
        time = np.arange(200) / 8000
        own = labels[int(name[1:])]
        return np.concatenate([np.sin(2 * np.pi * (300 if p == "a" else 2000) * time) for p in own]).astype(np.float32)

    constant = np.zeros(8000, dtype=np.float32)
    scores = score(table, alignments, waveform, trained_on=[constant])
    assert scores.baselines.kmeans_mfcc == scores.units[KMEANS_SCORED].accuracy == 1.0
    assert (
        scores.baselines.kmeans_mfcc_training_audio
        == scores.units[KMEANS_TRAINING].accuracy
        == scores.baselines.prior
        == 0.5
    )
    assert scores.baselines.above_kmeans == 0.0
    without = score(table, alignments, waveform)
    assert without.baselines.kmeans_mfcc_training_audio is None
    assert KMEANS_TRAINING not in without.units


def test_codes_that_are_the_phones_are_right_by_every_score(make_table) -> None:
    rng = np.random.default_rng(0)
    # No phone twice in a row: codes cannot show such a boundary.
    steps = rng.integers(1, 4, size=(4, 40)).cumsum(axis=1) % 4
    labels = [[PHONES[i] for i in own] for own in steps]
    table, alignments = make_table(steps.tolist(), labels)
    unit = score(table, alignments, noise_of_length(40)).units[CODES]
    assert unit.trigram.other_speakers == unit.bigram.same_frames == 1.0
    assert (unit.clusters.pnmi, unit.clusters.v_measure, unit.clusters.ami) == pytest.approx((1.0, 1.0, 1.0))
    assert (unit.boundaries_20ms.f1, unit.boundaries_frame.precision) == (1.0, 1.0)
    assert unit.abx_within == unit.abx_across == 0.0


def noise_of_length(frames: int):
    return lambda name: np.random.default_rng(int(name[1:])).normal(0, 0.1, frames * 200).astype(np.float32)


def test_random_codes_say_nothing_by_the_scores_that_correct_for_chance(make_table) -> None:
    unit = random_scores(make_table).units[RANDOM]
    assert abs(unit.clusters.ami) < 0.1
    assert unit.abx_within == pytest.approx(0.5, abs=0.15)


def test_unknown_phones_are_listed_and_scored_as_written(make_table) -> None:
    labels = [["AH0", "T", "??", "IY1"] * 5] * 2
    table, alignments = make_table([[0, 1, 2, 3] * 5] * 2, labels)
    scores = score(table, alignments, noise_of, inventory="arpabet-39")
    assert scores.labelling.unknown_phones == {"??": 10}
    assert scores.map.phone_names == ("??", "ah", "iy", "t")
    # A quarter of the labels is in no inventory.
    assert score(table, alignments, noise_of).labelling.inventory == "as-written"
    with pytest.raises(UnknownNameError, match="phone inventory 'arpa'"):
        score(table, alignments, noise_of, inventory="arpa")


def test_an_alignment_of_another_recording_is_counted(make_table) -> None:
    table, alignments = make_table([[0, 1], [1, 0]], [["a", "b"], ["b", "a"]])
    alignments["u1"] = Alignment((Interval(0.0, 3.0, "a"),))
    alignments["stranger"] = alignments["u0"]
    dropped = score(table, alignments, noise_of).labelling.dropped
    assert (dropped.ends_apart, dropped.alignments_of_others) == (1, 1)


def test_codebooks_are_scored_together_and_alone(make_table) -> None:
    """The phone is the exclusive or of two binary codebooks: together they know it, each alone knows nothing."""
    first, second = [0, 0, 1, 1] * 5, [0, 1, 0, 1] * 5
    labels = [["ab"[x ^ y] for x, y in zip(first, second, strict=True)]] * 3
    table, alignments = make_table([[0] * 20] * 3, labels)
    both = np.array([first, second])
    table = replace(table, codebook_sizes=(2, 2), rows=tuple(replace(row, codes=both) for row in table))
    scores = score(table, alignments, noise_of)
    assert (scores.accuracy, scores.codebooks) == (1.0, (0.5, 0.5))
    assert scores.units[CODES].bits_per_second.nominal == pytest.approx(2 * table.frame_rate_hz)


def test_a_corpus_without_alignments_says_what_to_do(make_table) -> None:
    table, _ = make_table([[0]], [["a"]])
    with pytest.raises(InputError, match=r"has a phone alignment.*--alignments DIR"):
        analyse(AnalysisContext(table=table, waveform_of=noise_of))
