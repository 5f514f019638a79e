from __future__ import annotations

import numpy as np
import pytest

from vqspeech.analysis.phonemes.leakage import speaker_leakage

SPEAKERS, UTTERANCES, FRAMES = 4, 5, 40
speaker_of = np.repeat(np.arange(SPEAKERS), UTTERANCES)
utterance = np.repeat(np.arange(SPEAKERS * UTTERANCES), FRAMES)
who = speaker_of[utterance]


def leak(codes: np.ndarray, mfcc: np.ndarray | None = None):
    noise = np.random.default_rng(0).normal(size=(len(codes), 13)) if mfcc is None else mfcc
    return speaker_leakage(codes, noise, utterance, speaker_of, 8, 0)


def test_codes_that_name_the_speaker_leak_everything() -> None:
    found = leak(who)
    assert (found.frame_codes, found.utterance_codes) == (1.0, 1.0)
    assert found.information_bits == pytest.approx(2.0, abs=0.05)
    assert found.speaker_entropy_bits == 2.0
    assert found.utterance_chance == found.frame_chance == 0.25


def test_random_codes_leak_nothing_once_the_bias_is_taken_off() -> None:
    found = leak(np.random.default_rng(1).integers(0, 8, len(who)))
    assert found.frame_codes == pytest.approx(0.25, abs=0.06)
    assert abs(found.information_bits) < 0.02


def test_a_habit_shows_over_an_utterance_more_than_in_a_frame() -> None:
    rng = np.random.default_rng(2)
    codes = np.where(rng.random(len(who)) < 0.35, who, rng.integers(0, 8, len(who)))
    found = leak(codes)
    assert 0.3 < found.frame_codes < 0.7 < found.utterance_codes


def test_mfcc_are_probed_on_the_same_utterances() -> None:
    mfcc = np.random.default_rng(3).normal(size=(len(who), 13)) + 6.0 * np.eye(13)[who]
    found = leak(np.zeros(len(who), dtype=int), mfcc)
    assert found.frame_mfcc > 0.95
    assert found.utterance_mfcc > 0.75
    assert (found.frame_codes, found.utterance_codes) == (0.25, 0.25)


def test_speakers_with_one_utterance_cannot_be_probed() -> None:
    codes = np.zeros(6, dtype=int)
    assert speaker_leakage(codes, np.zeros((6, 13)), np.repeat([0, 1, 2], 2), np.array([0, 1, 2]), 8, 0) is None
    found = speaker_leakage(codes, np.zeros((6, 13)), np.arange(6) // 1, np.array([0, 0, 1, 1, 2, 2]), 8, 0)
    assert found.speakers == 3
