import numpy as np
import pytest

from vqspeech.analysis.listening.judge.prosody import f0_correlation, median_f0, speech_level_db


def test_the_level_of_speech_leaves_out_its_pauses():
    tone = 0.2 * np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    wanted = 20 * np.log10(0.2 / np.sqrt(2))
    assert speech_level_db(tone, 16000) == pytest.approx(wanted, abs=0.1)
    with_pauses = np.concatenate([np.zeros(32000), tone, 1e-4 * tone, tone])
    assert speech_level_db(with_pauses, 16000) == pytest.approx(wanted, abs=0.1)
    assert speech_level_db(np.zeros(1600), 16000) is None


def test_the_correlation_is_of_log_f0_where_both_are_voiced():
    source = np.concatenate([np.zeros(10), np.linspace(100, 200, 60)])
    assert f0_correlation(2 * source, source) == pytest.approx(1)
    moved = np.where(source > 0, 40000 / np.maximum(source, 1), 0)
    assert f0_correlation(moved, source) == pytest.approx(-1)
    assert f0_correlation(source[:25], source) is None
    assert f0_correlation(np.where(source > 0, 150.0, 0), source) is None


def test_the_median_is_of_voiced_frames():
    assert median_f0(np.array([0, 100, 120, 140, 0])) == 120
    assert median_f0(np.zeros(3)) is None
