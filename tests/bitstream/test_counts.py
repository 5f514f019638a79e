"""Adaptive counts are probabilities, learn what they see, and cost what they promise."""

import math

import numpy as np
import pytest

from vqspeech.bitstream.counts import AdaptiveCodes, AdaptivePitch
from vqspeech.codec.pitch_codes import LEVELS, pitch_bits


def cost(driver, symbols):
    """Bits of symbols."""
    bits = 0.0
    for symbol in symbols:
        weights = driver.weights()
        assert (weights > 0).all()
        bits -= math.log2(weights[symbol] / weights.sum())
        driver.push(symbol)
    return bits


def test_weights_of_codes_are_probabilities_from_the_first_one_on():
    driver = AdaptiveCodes((16, 8))
    np.testing.assert_allclose(driver.weights(), 1 / 16)
    draw = np.random.default_rng(0)
    for _ in range(300):
        for size in (16, 8):
            weights = driver.weights()
            assert weights.shape == (size,) and (weights > 0).all()
            assert weights.sum() == pytest.approx(1)
            driver.push(int(draw.integers(0, size)))


def test_what_follows_the_previous_code_is_learned():
    draw = np.random.default_rng(1)
    steps = draw.integers(0, 2, 4000).cumsum() % 64
    shuffled = draw.permutation(steps)
    assert cost(AdaptiveCodes((64,)), steps.tolist()) < 0.35 * cost(AdaptiveCodes((64,)), shuffled.tolist())


def test_a_second_codebook_is_learned_from_the_first():
    draw = np.random.default_rng(2)
    first = draw.integers(0, 64, 3000)
    own = cost(AdaptiveCodes((64, 64)), np.stack([first, (first * 7 + 3) % 64], 1).reshape(-1).tolist())
    other = cost(AdaptiveCodes((64, 64)), np.stack([first, draw.permutation(first)], 1).reshape(-1).tolist())
    assert own < 0.7 * other


def test_counts_go_on_in_the_next_recording_and_contexts_do_not():
    driver = AdaptiveCodes((8,))
    fresh = cost(driver, [3] * 50)
    driver.start()
    assert cost(driver, [3] * 50) < 0.6 * fresh


def test_pitch_costs_no_more_than_pitch_bits_counts():
    steps = np.random.default_rng(0).integers(-2, 3, 500).cumsum() + 70
    codes = np.clip(steps, 1, LEVELS)
    codes[100:150] = 0
    driver = AdaptivePitch()
    assert driver.weights().shape == (LEVELS + 1,)
    assert 0.5 * pitch_bits([codes]) < cost(driver, codes.tolist()) <= pitch_bits([codes])


@pytest.mark.parametrize("code", [1, LEVELS])
def test_any_pitch_can_follow_the_extremes(code):
    driver = AdaptivePitch()
    cost(driver, [code, 0, LEVELS, 1, code, 1])
