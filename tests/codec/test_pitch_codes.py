from __future__ import annotations

import math

import numpy as np
import pytest

from vqspeech.codec.pitch_codes import LEVELS, pitch_bits, quantize_pitch, restore_pitch


def contour():
    f0 = 150 * 2 ** (0.3 * np.sin(np.arange(301) / 15)).astype(np.float32)
    f0[40:70] = 0
    f0[200:203] = 0
    return f0


def test_what_is_restored_is_within_an_eighth_of_a_semitone():
    f0 = contour()
    codes = quantize_pitch(f0)
    assert codes.shape == (151,) and codes.dtype == np.uint8
    restored = restore_pitch(codes, 301)
    assert np.mean((restored > 0) == (f0 > 0)) > 0.99
    both = (restored > 0) & (f0 > 0)
    assert np.abs(12 * np.log2(restored[both] / f0[both])).max() < 0.25
    np.testing.assert_array_equal(quantize_pitch(restored), codes)


@pytest.mark.parametrize(("hertz", "code"), [(55.0, 1), (450.0, LEVELS), (0.0, 0), (110.0, 49)])
def test_codes_cover_the_range_of_the_tracker(hertz, code):
    assert quantize_pitch(np.full(4, hertz, np.float32)).tolist() == [code] * 2
    assert LEVELS < 256


def test_empty_and_unvoiced_contours():
    assert quantize_pitch(np.zeros(0, np.float32)).shape == (0,)
    assert restore_pitch(np.zeros(0, np.uint8), 0).shape == (0,)
    assert not restore_pitch(np.zeros(5, np.uint8), 9).any()
    assert pitch_bits([]) == 0


def test_bits_are_those_of_a_code_that_can_be_decoded():
    """The lengths of a prefix code: over all sequences the probabilities 2^-bits sum to at most 1."""
    one = [np.array([code], np.uint8) for code in range(LEVELS + 1)]
    assert sum(2 ** -pitch_bits([codes]) for codes in one) <= 1 + 1e-9
    steady, lively = np.full(500, 60, np.uint8), np.random.default_rng(0).integers(1, LEVELS, 500).astype(np.uint8)
    assert pitch_bits([steady]) < 150
    assert 500 * 6 < pitch_bits([lively]) < 500 * (math.log2(2 * LEVELS) + 2)


def test_a_melody_needs_about_two_bits_a_code():
    f0 = np.tile(contour(), 20)
    codes = quantize_pitch(f0)
    assert pitch_bits([codes]) / len(codes) < 2.5
