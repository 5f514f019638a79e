"""Draws from n-grams have the n-grams of what they were counted on, and no others."""

import numpy as np
import pytest

from vqspeech.analysis.sampled.ngram_draws import NgramDraws
from vqspeech.errors import InputError


def codes(seed=0, count=30, frames=40, size=6):
    generator = np.random.default_rng(seed)
    first = np.cumsum(generator.integers(0, 3, (count, frames)), axis=1) % size
    second = (first + generator.integers(0, 2, first.shape)) % size
    return list(np.stack([first, second], 1))


def pairs(sequences, order):
    return {tuple(one[at : at + order]) for one in sequences for at in range(len(one) - order + 1)}


@pytest.mark.parametrize("order", [1, 2, 3])
def test_only_ngrams_of_the_sequences_are_drawn(order):
    real = codes()
    drawn = NgramDraws(real, (6, 6), order).sample(20, 50, seed=1)
    assert drawn.shape == (20, 2, 50)
    assert pairs(drawn[:, 0], order) <= pairs([one[0] for one in real], order)
    beside = {pair for one in real for pair in zip(one[0], one[1], strict=True)}
    assert {pair for one in drawn for pair in zip(one[0], one[1], strict=True)} <= beside


def test_bigrams_are_as_frequent_as_they_were():
    real = codes(count=200)
    drawn = NgramDraws(real, (6, 6), 2).sample(400, 60, seed=1)

    def transitions(rows):
        counts = np.zeros((6, 6))
        for row in rows:
            np.add.at(counts, (row[:-1], row[1:]), 1)
        return counts / counts.sum(1, keepdims=True)

    assert transitions(drawn[:, 0]) == pytest.approx(transitions([one[0] for one in real]), abs=0.03)


def test_a_context_without_a_follower_backs_off():
    """The last two codes are followed by nothing, and the last alone by nothing but in another place."""
    real = [np.array([[0, 1, 2]]), np.array([[2, 0]])]
    drawn = NgramDraws(real, (3,), 3).sample(50, 6, seed=0)
    assert pairs(drawn[:, 0], 2) <= {(0, 1), (1, 2), (2, 0), (0, 0), (0, 2)}
    assert set(np.unique(drawn)) == {0, 1, 2}


def test_a_seed_gives_the_same_codes_and_another_one_others():
    draws = NgramDraws(codes(), (6, 6), 2)
    assert (draws.sample(3, 20, seed=4) == draws.sample(3, 20, seed=4)).all()
    assert (draws.sample(3, 20, seed=4) != draws.sample(3, 20, seed=5)).any()


def test_what_cannot_be_counted_is_an_error():
    with pytest.raises(InputError, match="order 4"):
        NgramDraws(codes(), (6, 6), 4)
    with pytest.raises(InputError, match="at least one code"):
        NgramDraws([], (6, 6), 2)
