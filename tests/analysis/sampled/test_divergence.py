"""The divergence of n-grams: against SciPy, its range, and its bias."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from vqspeech.analysis.sampled.divergence import divergence, jensen_shannon_bits, ngrams
from vqspeech.errors import InputError


def drawn(shares, count, length, seed):
    generator = np.random.default_rng(seed)
    return [generator.choice(len(shares), length, p=shares) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_scipy(seed):
    first, second = np.random.default_rng(seed).integers(0, 20, (2, 30)).astype(float)
    assert jensen_shannon_bits(first, second) == pytest.approx(jensenshannon(first, second, base=2) ** 2)


def test_equal_counts_have_none_and_disjoint_ones_one_bit():
    counts = np.array([3.0, 1.0, 0.0])
    assert jensen_shannon_bits(counts, 7 * counts) == pytest.approx(0, abs=1e-12)
    assert jensen_shannon_bits(counts, np.array([0.0, 0.0, 4.0])) == pytest.approx(1)
    assert jensen_shannon_bits(counts, np.zeros(3)) == 0


def test_ngrams_are_numbered_by_their_symbols():
    assert ngrams(np.array([1, 0, 2]), 3, 2).tolist() == [3, 2]
    assert ngrams(np.array([1]), 3, 2).tolist() == []
    with pytest.raises(InputError, match="5-grams of 10000"):
        ngrams(np.array([1]), 10000, 5)


def test_ngrams_do_not_reach_over_the_ends_of_sequences():
    one = [np.array([0, 1]), np.array([2, 3])]
    found = divergence(one, [np.array([0, 1]), np.array([2, 3])], 4, 2)
    assert found.ngrams == (2, 2)
    assert found.bits == pytest.approx(0, abs=1e-12)


def test_sets_of_one_source_have_as_much_as_by_chance():
    """Few samples of many symbols seem to differ; the divergence by chance says so."""
    shares = np.full(200, 1 / 200)
    found = [
        divergence(drawn(shares, 40, 25, 2 * seed), drawn(shares, 40, 25, 2 * seed + 1), 200, 1) for seed in range(9)
    ]
    assert min(one.bits for one in found) > 0.05
    assert np.mean([one.excess_bits for one in found]) == pytest.approx(0, abs=0.005)


def test_sets_of_two_sources_have_more():
    flat, steep = np.full(50, 1 / 50), np.arange(1, 51) / np.arange(1, 51).sum()
    found = divergence(drawn(flat, 40, 50, 0), drawn(steep, 40, 50, 1), 50, 1)
    exact = jensenshannon(flat, steep, base=2) ** 2
    assert found.bits > exact > found.same_source_bits
    assert found.excess_bits == pytest.approx(exact, rel=0.2)


def test_whole_sequences_are_divided():
    """Sequences that hold one symbol each differ by chance as much as 2 x 4 draws, not as 2 x 400."""
    first, second = ([np.full(100, symbol) for symbol in symbols] for symbols in ((0, 1, 2, 3), (2, 3, 0, 1)))
    found = divergence(first, second, 4, 1)
    assert found.bits == pytest.approx(0, abs=1e-12)
    assert found.same_source_bits > 0.1


def test_it_is_repeatable_and_none_without_ngrams():
    sequences = drawn(np.full(5, 0.2), 6, 9, 0)
    assert divergence(sequences[:3], sequences[3:], 5, 2, seed=1) == divergence(
        sequences[:3], sequences[3:], 5, 2, seed=1
    )
    assert divergence([], sequences, 5, 1) is None
    assert divergence([np.array([1])], sequences, 5, 2) is None
