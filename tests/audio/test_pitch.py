from __future__ import annotations

import numpy as np
import pytest

from vqspeech.audio.pitch import PITCH_RATE, log_f0_statistics, track
from vqspeech.nn import batch
from vqspeech.testing.speech import SAMPLE_RATE, vowel


def test_the_network_and_the_tracker_have_the_same_rate():
    assert PITCH_RATE == batch.PITCH_RATE


@pytest.mark.parametrize("hertz", [80.0, 150.0, 300.0])
def test_a_vowel_has_its_pitch_and_silence_none(hertz):
    sound = vowel("a", hertz, 0.5)
    f0 = track(np.concatenate([np.zeros(8000, np.float32), sound, np.zeros(8000, np.float32)]), SAMPLE_RATE)
    assert f0.shape == (150,) and f0.dtype == np.float32
    assert not f0[:46].any() and not f0[104:].any()
    voiced = f0[54:96]
    assert (voiced > 0).all()
    assert np.abs(12 * np.log2(voiced / hertz)).max() < 0.5


def test_a_contour_follows_the_clock_of_the_waveform():
    """A glide is measured where it is, at every rate."""
    for rate in (16000, 44100):
        time = np.arange(2 * rate) / rate
        phase = np.cumsum(120 + 60 * time) / rate
        sound = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 12)).astype(np.float32) * 0.1
        f0 = track(sound, rate)
        centres = (np.arange(200) + 0.5) / PITCH_RATE
        error = 12 * np.log2(np.maximum(f0, 1) / (120 + 60 * centres))[20:180]
        assert np.abs(error).max() < 0.3
        assert abs(error.mean()) < 0.05


def test_blocks_and_level_do_not_matter():
    sound = np.concatenate([vowel(phone, 140, 0.4) for phone in "aiueaiueaiueaiueaiueaiueaiueaiue"])
    whole = track(sound, SAMPLE_RATE)
    blocks = (sound[start : start + 1237] for start in range(0, len(sound), 1237))
    np.testing.assert_array_equal(track(blocks, SAMPLE_RATE), whole)
    quiet = track(0.03 * sound, SAMPLE_RATE)
    assert np.mean((quiet > 0) == (whole > 0)) > 0.98


@pytest.mark.parametrize("samples", [0, 1, 100, 1600])
def test_short_recordings(samples):
    sound = np.full(samples, 0.1, np.float32)
    for rate in (16000, 48000):
        assert track(sound, rate).shape == (-(-samples * PITCH_RATE // rate),)


def test_silence_and_noise_have_no_pitch():
    assert not track(np.zeros(16000, np.float32), 16000).any()
    noise = 0.1 * np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    assert np.mean(track(noise, 16000) > 0) < 0.05


def test_statistics_leave_out_errors_of_an_octave():
    f0 = np.array([0, 100, 110, 105, 95, 90, 100, 205, 210, 400], np.float32)
    mean, std = log_f0_statistics(f0)
    assert np.exp(mean) == pytest.approx(99.8, abs=0.2) and std < 0.1
    assert log_f0_statistics(np.zeros(5, np.float32)) is None
