from __future__ import annotations

import numpy as np
import pytest
from voiced import speech

from vqspeech.audio.pitch import track
from vqspeech.live import pitch
from vqspeech.live.pitch import LivePitch


@pytest.mark.parametrize("rate", [16000, 24000])
def test_older_frames_are_those_of_the_whole_recording(rate):
    # As loud from the beginning: the tracker's gain is then the same.
    waveform = np.concatenate([np.float32([0.5]), 0.4 * speech(4.0)])
    whole, stream = track(waveform, rate), LivePitch(rate)
    assert (whole > 0).mean() > 0.5
    for start in range(0, len(waveform), 640):
        first, found = stream.push(waveform[start : start + 640])
        assert first == 0
        frames = -(-min(start + 640, len(waveform)) * 100 // rate)
        assert len(found) == frames
        # 10 frames of 16 ms, one that is not complete, and the delay of a resampler
        final = max(0, frames - (19 if rate == 16000 else 24))
        np.testing.assert_allclose(found[:final], whole[:final], rtol=1e-3)


def test_old_frames_are_forgotten(monkeypatch):
    monkeypatch.setattr(pitch, "KEPT_S", 1.0)
    stream, waveform = LivePitch(16000), np.concatenate([np.float32([0.5]), 0.4 * speech(6.0)])
    whole = track(waveform, 16000)
    for start in range(0, len(waveform), 640):
        first, found = stream.push(waveform[start : start + 640])
    assert 440 < first < 500 and first + len(found) == len(whole)
    np.testing.assert_allclose(found[1:-19], whole[first + 1 : -19], rtol=1e-3)
    assert len(stream._held) < 16000


def test_silence_has_no_pitch():
    stream = LivePitch(16000)
    assert stream.push(np.zeros(100, np.float32))[1].tolist() == [0.0]
    first, found = stream.push(np.zeros(8000, np.float32))
    assert first == 0 and len(found) == 51 and not found.any()
