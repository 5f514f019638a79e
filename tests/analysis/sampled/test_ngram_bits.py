"""Bits of held-out codes under n-grams: probabilities, and known sources."""

import numpy as np
import pytest

from vqspeech.analysis.sampled.ngram_bits import KneserNey, ngram_bits
from vqspeech.errors import InputError


def chain(seed, frames, size=6, noise=0.3):
    """A code that is the one two frames before plus one, or with some probability any code."""
    generator = np.random.default_rng(seed)
    codes = [0, 3]
    for _ in range(frames - 2):
        codes.append(generator.integers(size) if generator.random() < noise else (codes[-2] + 1) % size)
    return np.array([codes])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_sum_to_one_in_any_context(order):
    generator = np.random.default_rng(order)
    model = KneserNey(generator.integers(0, 5, (60, order)), 5)
    for context in generator.integers(0, 8, (20, order - 1)):
        every = np.array([[code, *context] for code in range(5)])
        assert model.probabilities(every).sum() == pytest.approx(1)
        assert (model.probabilities(every) > 0).all()


def test_it_is_the_formula():
    """Counts by hand: 0 follows 1 twice, 2 follows 1 once; by different contexts 0 has one, 1 has two, 2 has one."""
    grams = np.array([[0, 1], [0, 1], [2, 1], [1, 0], [1, 2]])
    model = KneserNey(grams, 3)
    discount = 3 / (3 + 2 * 1)
    # Three codes are in one or two contexts: two in one, one in two.
    below = 2 / (2 + 2 * 1)
    unigram = {code: max(count - below, 0) / 4 + below * 3 / 4 / 3 for code, count in {0: 1, 1: 2, 2: 1}.items()}
    wanted = (2 - discount) / 3 + discount * 2 / 3 * unigram[0]
    assert model.probabilities(np.array([[0, 1]]))[0] == pytest.approx(wanted)
    # A context that does not occur has the shorter one's.
    assert model.probabilities(np.array([[0, 9]]))[0] == pytest.approx(unigram[0])


def test_bits_of_a_known_source():
    """Trigrams approach its entropy; unigrams and bigrams see a uniform source."""
    bits = [ngram_bits([chain(0, 20000)], [chain(1, 5000)], (6,), order)[0] for order in (1, 2, 3)]
    entropy = -(0.75 * np.log2(0.75) + 5 * 0.05 * np.log2(0.05))
    assert bits[0] == pytest.approx(np.log2(6), abs=0.01)
    assert bits[1] == pytest.approx(np.log2(6), abs=0.02)
    assert bits[2] == pytest.approx(entropy, abs=0.05)


def test_a_further_codebook_is_given_the_one_before_it_in_the_frame():
    first = np.random.default_rng(0).integers(0, 4, (2, 3000))
    sequences = [np.stack([one, (one + 1) % 4]) for one in first]
    assert ngram_bits(sequences[:1], sequences[1:], (4, 4), 1) == pytest.approx([2, 2], abs=0.01)
    assert ngram_bits(sequences[:1], sequences[1:], (4, 4), 2) == pytest.approx([2, 0], abs=0.02)


def test_unknown_codes_cost_more_but_not_everything():
    (bits,) = ngram_bits([np.array([[0, 1] * 50])], [np.array([[2, 3, 2]])], (4,), 3)
    assert 3 < bits < 15


def test_what_cannot_be_counted_is_an_error():
    with pytest.raises(InputError, match="order 4"):
        ngram_bits([chain(0, 9)], [chain(0, 9)], (6,), 4)
    with pytest.raises(InputError, match="held-out codes"):
        ngram_bits([chain(0, 9)], [], (6,), 2)
