"""Something voiced, of any length."""

import numpy as np

from vqspeech.testing.speech import vowel


def speech(seconds: float, pitch_hz: float = 180.0) -> np.ndarray:
    """Vowels of half a second, with short pauses."""
    parts = [part for phone in "aiue" for part in (vowel(phone, pitch_hz, 0.5), np.zeros(1600, np.float32))]
    return np.concatenate(parts * int(seconds / 2.4 + 1))[: int(seconds * 16000)]
