from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqspeech.analysis.codebook import adaptive_bits, usage, usage_of_counts
from vqspeech.errors import InputError


def test_a_uniform_codebook_is_used_in_full(make_table) -> None:
    table, _ = make_table([[0, 1, 2, 3], [4, 5, 6, 7]], [["a"] * 4] * 2)
    use = usage(table)
    (book,) = use.codebooks
    assert (book.codes_used, book.perplexity, book.normalised_entropy) == (8, pytest.approx(8.0), pytest.approx(1.0))
    assert use.frame_rate_hz == 40.0
    assert use.bits_per_second == use.entropy_bits_per_second == pytest.approx(40 * 3)
    json.dumps(asdict(use))


def test_a_collapsed_codebook_has_perplexity_one_and_costs_nothing() -> None:
    book = usage_of_counts(np.array([0, 9, 0, 0]), 25.0)
    assert (book.codes_used, book.perplexity, book.normalised_entropy) == (1, 1.0, 0.0)
    assert (book.bits_per_second, book.entropy_bits_per_second) == (50.0, 0.0)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=64).filter(any))
def test_perplexity_lies_between_one_and_the_codes_used(counts: list[int]) -> None:
    book = usage_of_counts(np.asarray(counts), 25.0)
    assert 1.0 <= book.perplexity <= book.codes_used * (1 + 1e-9)
    assert book.entropy_bits_per_second <= book.bits_per_second + 1e-9


def test_an_empty_table_is_refused(make_table) -> None:
    table, _ = make_table([], [])
    with pytest.raises(InputError, match="holds no codes"):
        usage(table)


@pytest.mark.parametrize("order", [0, 1])
def test_adaptive_bits_are_what_coding_one_after_the_other_takes(order: int) -> None:
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, 4, 30), rng.integers(0, 2, 1), rng.integers(0, 4, 17)]
    bits, counts = 0.0, {}
    for codes in sequences:
        before = -1
        for code in codes.tolist():
            seen = counts.setdefault(before if order else 0, np.zeros(4))
            bits -= np.log2((seen[code] + 0.5) / (seen.sum() + 2.0))
            seen[code] += 1
            before = code
    assert adaptive_bits(sequences, 4, order=order) == pytest.approx(bits)


def test_codes_that_follow_from_the_one_before_are_cheap_for_order_one_only() -> None:
    cycle = [np.tile(np.arange(8), 500)]
    assert adaptive_bits(cycle, 8, order=0) / 4000 == pytest.approx(3.0, abs=0.02)
    assert adaptive_bits(cycle, 8, order=1) / 4000 < 0.1
