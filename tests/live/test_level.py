from __future__ import annotations

import numpy as np
import pytest
from voiced import speech

from vqspeech.live.level import LiveLevel


def through(source, speech_, size=640):
    level = LiveLevel(0.04)
    parts = [level.push(source[at : at + size], speech_[at : at + size]) for at in range(0, len(source), size)]
    return np.concatenate(parts)


@pytest.mark.parametrize("gain", [0.01, 1.0, 20.0])
def test_speech_becomes_as_loud_as_its_source(gain):
    source = 0.2 * speech(6.0)
    made = np.random.default_rng(0).normal(0, 0.1, len(source)) * (np.abs(source) > 0)
    found = through(source, (gain * made).astype(np.float32))[32_000:]
    assert np.sqrt(np.square(found).mean() / np.square(source[32_000:]).mean()) == pytest.approx(1, abs=0.15)


def test_a_silent_source_is_silent_and_ends_without_a_click():
    source = np.concatenate([0.2 * np.ones(6400, np.float32), np.zeros(6400, np.float32)])
    found = through(source, 0.2 * np.ones(12800, np.float32))
    assert np.abs(np.diff(found)).max() < 1e-3
    assert not found[-5000:].any() and found[6399] == pytest.approx(0.2, rel=1e-3)


def test_nothing_exceeds_full_scale():
    found = through(np.ones(6400, np.float32), np.sin(np.arange(6400)).astype(np.float32))
    assert np.abs(found).max() <= 1
    assert len(LiveLevel(0.04).push(np.zeros(0, np.float32), np.zeros(0, np.float32))) == 0
