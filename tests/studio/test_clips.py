"""Sounds in memory."""

from __future__ import annotations

import numpy as np
import pytest

from vqspeech.errors import InputError
from vqspeech.studio import clips as module
from vqspeech.studio.clips import Clip, Clips


def clip(name, count=100):
    return Clip(kind="recording", name=name, waveform=np.zeros(count, np.int16), sample_rate=100)


def names(clips):
    return [one["name"] for one in clips.plain()]


def test_the_one_that_was_not_used_for_the_longest_time_is_deleted():
    clips = Clips(most_bytes=400)
    first, second = clips.add(clip("first")), clips.add(clip("second"))
    clips.get(first.id)
    clips.add(clip("third"))
    assert names(clips) == ["first", "third"]
    with pytest.raises(InputError, match="not there any more"):
        clips.get(second.id)
    clips.add(clip("large", 1000))
    assert names(clips) == ["large"]


def test_samples_are_those_of_the_file():
    sound = Clip(kind="edit", name="", waveform=np.array([-32768, 0, 16384], np.int16), sample_rate=3)
    assert sound.samples().tolist() == [-1, 0, 0.5] and sound.samples().dtype == np.float32 and sound.seconds == 1


def test_many_short_sounds_are_too_many(monkeypatch):
    monkeypatch.setattr(module, "MOST_CLIPS", 3)
    clips = Clips()
    for number in range(5):
        clips.add(clip(str(number), 1))
    assert names(clips) == ["2", "3", "4"]
