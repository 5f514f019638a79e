from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest

from vqspeech.analysis.listening.measures import (
    SILENT_DBFS,
    compare,
    compare_all,
    f0_statistics,
    level,
    log_mel_distance_db,
)
from vqspeech.errors import InputError

RATE = 16000
Tone = Callable[..., np.ndarray]


def test_a_copy_has_no_distance_at_any_level_and_another_sound_has(tone: Tone) -> None:
    low, high = tone(120.0), tone(310.0)
    assert log_mel_distance_db(low, low, RATE) == 0.0
    assert log_mel_distance_db(low, 0.25 * low, RATE) == pytest.approx(0.0, abs=0.01)
    assert log_mel_distance_db(low, high, RATE) > 5.0


def test_the_longer_waveform_is_cut(tone: Tone) -> None:
    sound = tone(120.0)
    assert log_mel_distance_db(sound, np.concatenate([sound, sound[:-320]])[: len(sound) + 320], RATE) < 1.0


@pytest.mark.parametrize("hertz", [90.0, 140.0, 220.0, 330.0])
def test_f0_of_a_buzz_is_found_within_half_a_semitone(hertz: float, tone: Tone) -> None:
    statistics = f0_statistics(tone(hertz), RATE)
    assert statistics.median_hz is not None
    assert abs(12 * np.log2(statistics.median_hz / hertz)) < 0.5
    assert statistics.voiced_share > 0.8


def test_silence_has_no_f0_and_the_lowest_level() -> None:
    silence = np.zeros(RATE, dtype=np.float32)
    assert f0_statistics(silence, RATE).median_hz is None
    assert level(silence, RATE).rms_dbfs == SILENT_DBFS


def test_level_of_a_clipped_square_wave_is_full_scale(tone: Tone) -> None:
    square = np.sign(tone(100.0)) + 0.0
    found = level(square, RATE)
    assert found.rms_dbfs == pytest.approx(0.0, abs=0.05)
    assert found.clipped_share > 0.99
    assert found.duration_s == 1.0


def test_a_good_reconstruction_is_nearer_than_another_utterance(tone: Tone) -> None:
    rng = np.random.default_rng(0)
    originals = [tone(hertz) for hertz in (110.0, 170.0, 260.0)]
    pairs = [(x, (x + rng.normal(0, 0.001, len(x))).astype(np.float32)) for x in originals]
    scores = compare_all(pairs, RATE)
    assert scores.other_utterance_db is not None and scores.f0_error_semitones is not None
    assert scores.log_mel_distance_db < 0.7 * scores.other_utterance_db
    assert scores.f0_error_semitones < 0.5
    json.dumps(asdict(scores))


def test_without_another_utterance_there_is_nothing_to_compare_with(tone: Tone) -> None:
    sound = tone(120.0)
    assert compare(sound, sound, RATE).other_utterance_db is None
    assert compare_all([(sound, sound)], RATE).other_utterance_db is None


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.zeros(0), "at least one sample"),
        (np.zeros((2, 100)), r"shape \(2, 100\)"),
        (np.array([0.0, np.nan]), "not finite"),
    ],
)
def test_what_cannot_be_measured_is_refused(waveform: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        level(waveform, RATE)


def test_five_samples_can_be_measured() -> None:
    crumb = np.array([0.1, -0.1, 0.2, 0.0, 0.1], dtype=np.float32)
    assert compare(crumb, crumb, RATE).log_mel_distance_db == 0.0
