from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest

from vqspeech.analysis.listening.speakers import SpeakerClassifier
from vqspeech.errors import InputError

RATE = 16000
Voice = Callable[[str, int], np.ndarray]
PITCH = {"low": 100.0, "middle": 170.0, "high": 280.0}


@pytest.fixture(scope="module")
def voice(tone: Callable[..., np.ndarray]) -> Voice:
    def speak(speaker: str, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        sound = tone(PITCH[speaker] * rng.uniform(0.97, 1.03), 0.5)
        return (sound + rng.normal(0, 0.005, len(sound))).astype(np.float32)

    return speak


@pytest.fixture(scope="module")
def classifier(voice: Voice) -> SpeakerClassifier:
    names = [name for name in PITCH for _ in range(5)]
    return SpeakerClassifier.fit([voice(name, seed) for seed, name in enumerate(names)], names, RATE)


def test_voices_that_differ_in_pitch_are_told_apart(classifier: SpeakerClassifier, voice: Voice) -> None:
    assert classifier.held_out_accuracy == 1.0
    assert classifier.predict([voice("high", 91), voice("low", 92)]) == ["high", "low"]


def test_conversions_are_scored_against_target_and_source(classifier: SpeakerClassifier, voice: Voice) -> None:
    converted = [voice("high", 71), voice("high", 72), voice("low", 73), voice("middle", 74)]
    scores = classifier.score_conversions(converted, sources=["low"] * 4, targets=["high"] * 4)
    assert (scores.target_speaker_accuracy, scores.source_speaker_accuracy) == (0.5, 0.25)
    assert scores.chance == pytest.approx(1 / 3)
    json.dumps(asdict(scores))


def test_an_unknown_target_is_named(classifier: SpeakerClassifier, voice: Voice) -> None:
    with pytest.raises(InputError, match=r"not fitted on target speaker.* stranger"):
        classifier.score_conversions([voice("low", 1)], ["low"], ["stranger"])


def test_one_utterance_per_speaker_cannot_be_fitted(voice: Voice) -> None:
    with pytest.raises(InputError, match="2 utterances of 2 speaker"):
        SpeakerClassifier.fit([voice("low", 1), voice("high", 2)], ["low", "high"], RATE)
