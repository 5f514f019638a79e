"""Sets of codes compared with held-out speech."""

import json

import numpy as np
import pytest

from vqspeech.analysis.sampled.compare import HELD_OUT, Yardstick, compare, relative_excess, windows
from vqspeech.analysis.sampled.ngram_draws import NgramDraws
from vqspeech.analysis.sampled.phones import PhoneMap


def speech(seed, count=24, frames=60, size=8):
    """Codes that hold each sound for a few frames, in an order with a memory of two sounds."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        sounds = [0, 1]
        while len(sounds) < frames:
            sounds.append((sounds[-1] + sounds[-2] + generator.integers(0, 2)) % size)
        first = np.repeat(sounds, generator.integers(2, 5, len(sounds)))[:frames]
        made.append(np.stack([first, (first + generator.integers(0, 2, frames)) % 4]))
    return made


@pytest.fixture(scope="module")
def compared():
    training, held_out = speech(0, count=60), speech(1)
    phone_map = PhoneMap(phones=tuple("abcdefgh"), phone_of=np.arange(8), inventory="", accuracy=1.0, utterances=1)
    yardstick = Yardstick(
        held_out=held_out, training=training, codebook_sizes=(8, 4), frame_rate_hz=50, phone_map=phone_map
    )
    sets = {
        "real": speech(2),
        "copied": [one[:, :60] for one in training[:24]],
        **{name: list(NgramDraws(training, (8, 4), order).sample(24, 60)) for name, order in (("1", 1), ("2", 2))},
    }
    return compare(sets, yardstick)


def test_real_speech_is_nearer_than_what_is_drawn_from_ngrams(compared):
    excess = {name: one["phones"]["trigram"]["excess_bits"] for name, one in compared.items() if name != HELD_OUT}
    assert excess["real"] < 0.02 < excess["2"]
    assert compared["1"]["codes"][0]["bigram"]["excess_bits"] > compared["2"]["codes"][0]["bigram"]["excess_bits"]
    assert relative_excess(compared["real"]["phones"]["trigram"], compared["2"]["phones"]["trigram"]) < 0.2


def test_durations_of_draws_differ_from_those_of_speech(compared):
    distance = {name: one["code_durations"]["distance_s"] for name, one in compared.items()}
    assert distance[HELD_OUT] == 0
    assert distance["real"] < 0.2 * distance["2"]
    assert compared["1"]["code_durations"]["single_share"] > 0.5


def test_what_is_copied_is_found(compared):
    assert compared["copied"]["nearest"]["all_codebooks"]["longest_s"] == 1.2
    assert compared["copied"]["nearest"]["all_codebooks"]["beyond_held_out"] == 1
    for kind in ("first_codebook", "all_codebooks"):
        assert compared[HELD_OUT]["nearest"][kind]["beyond_held_out"] == 0
        assert len(compared["real"]["nearest"][kind]["frames"]) == 24
    assert (
        compared["real"]["nearest"]["first_codebook"]["median_s"]
        > compared["real"]["nearest"]["all_codebooks"]["median_s"]
    )


def test_the_values_are_json_and_held_out_speech_has_no_divergence_from_itself(compared):
    assert json.loads(json.dumps(compared)) == compared
    assert compared[HELD_OUT]["phones"] == {"unigram": None, "bigram": None, "trigram": None}
    assert compared[HELD_OUT]["seconds"] == pytest.approx(24 * 60 / 50)


def test_there_are_no_phones_without_a_map():
    held_out = speech(1, count=4)
    yardstick = Yardstick(held_out=held_out, training=speech(0, count=4), codebook_sizes=(8, 4), frame_rate_hz=50)
    found = compare({"real": speech(2, count=4)}, yardstick)["real"]
    assert found["phones"] is None and found["phone_durations"] is None
    assert relative_excess(None, None) is None


def test_windows_are_of_one_length_and_drawn_without_repetition():
    sequences = [np.arange(2 * length).reshape(2, length) for length in (10, 3, 9)]
    every = windows(sequences, 4, 99)
    assert [(number, one[0, 0]) for number, one in every] == [(0, 0), (0, 4), (2, 0), (2, 4)]
    assert all(one.shape == (2, 4) for _, one in every)
    some = windows(sequences, 4, 2, seed=1)
    assert len(some) == 2 and len({(number, one[0, 0]) for number, one in some}) == 2
