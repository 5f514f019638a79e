"""What counts as speech, and how much of it is wanted."""

import numpy as np
import pytest
from voiced import speech

from vqspeech import audio
from vqspeech.errors import AudioError, InputError
from vqspeech.voices.recordings import CLIP_S, read_recordings, speech_of


def test_speech_is_what_is_near_voiced_sound():
    silence, noise = np.zeros(32000, np.float32), np.random.default_rng(0).normal(0, 0.2, 160000).astype(np.float32)
    whole = np.concatenate([silence, speech(3.0), silence, speech(10.0), silence])
    clips = list(speech_of(whole, 16000))
    assert sum(len(clip.waveform) for clip in clips) / 16000 == pytest.approx(13.0 + 4 * 0.25, abs=0.3)
    assert max(len(clip.waveform) for clip in clips) <= CLIP_S * 16000
    assert all(len(clip.f0) == pytest.approx(len(clip.waveform) / 160) for clip in clips)
    assert not list(speech_of(silence, 16000))
    assert sum(len(clip.waveform) for clip in speech_of(noise, 16000)) < 16000


def test_amount_pitch_and_unusable_files_are_told(tmp_path, recordings):
    (tmp_path / "notes.wav").write_text("no audio")
    audio.write(tmp_path / "hush.wav", np.zeros(16000), 16000)
    found = read_recordings([recordings, tmp_path], 16000)
    assert found.files == 2
    assert found.speech_s == pytest.approx(12.0, abs=0.3)
    assert np.exp(found.log_f0.mean()) == pytest.approx(180, rel=0.02)
    reasons = {path.name: reason for path, reason in found.skipped.items()}
    assert reasons["hush.wav"] == "no speech: nothing in it is voiced"
    assert reasons["notes.wav"].startswith("not audio")


def test_recordings_of_any_rate_are_read_at_that_of_the_model(tmp_path):
    audio.write(tmp_path / "a.wav", audio.resample(speech(6.0), 16000, 44100), 44100)
    assert read_recordings([tmp_path], 16000).speech_s == pytest.approx(6.0, abs=0.2)


@pytest.mark.parametrize(
    "waveform", [np.zeros(320000), speech(2.0), speech(0.1)], ids=["silence", "two seconds", "0.1 s"]
)
def test_too_little_speech_is_refused_with_the_wanted_amount(tmp_path, waveform):
    audio.write(tmp_path / "a.wav", waveform, 16000)
    with pytest.raises(InputError, match=r"s of speech in 1 file, .*needs 5 s at the least, and 60 s are enough"):
        read_recordings([tmp_path], 16000)


def test_a_file_that_is_no_audio_is_named(tmp_path):
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(AudioError, match=r"a\.wav: not audio"):
        read_recordings([tmp_path / "a.wav"], 16000)
    with pytest.raises(InputError, match="no such file"):
        read_recordings([tmp_path / "b.wav"], 16000)
