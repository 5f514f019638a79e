import io
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech import audio
from vqspeech.errors import AudioError, InputError


def tone(seconds=0.5, rate=16000, hz=440.0, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize(
    ("suffix", "subtype", "rate", "channels"),
    [
        (".wav", "PCM_U8", 16000, 1),
        (".wav", "PCM_16", 44100, 2),
        (".wav", "PCM_24", 48000, 1),
        (".wav", "FLOAT", 8000, 1),
        (".wav", "PCM_24", 96000, 6),
        (".flac", "PCM_24", 96000, 2),
        (".ogg", "VORBIS", 22050, 1),
        (".mp3", "MPEG_LAYER_III", 44100, 2),
    ],
)
def test_read_gives_the_same_tone_whatever_the_format_rate_and_channels(tmp_path, suffix, subtype, rate, channels):
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, np.tile(tone(rate=rate)[:, None], (1, channels)), rate, subtype=subtype)
    samples = audio.read(path)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    info = audio.probe(path)
    assert (info.sample_rate, info.channels) == (rate, channels)
    assert len(samples) == pytest.approx(info.duration_s * 16000, abs=1)
    middle = samples[2000:6000]
    assert np.abs(np.fft.rfft(middle)).argmax() * 16000 / 4000 == pytest.approx(440, abs=4)
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.03)


def test_channels_are_averaged(tmp_path):
    soundfile.write(
        tmp_path / "a.wav", np.stack([np.full(100, 0.5), np.full(100, -0.25)], axis=1), 16000, subtype="FLOAT"
    )
    np.testing.assert_allclose(audio.read(tmp_path / "a.wav"), 0.125)


def test_resampling_keeps_time_and_removes_what_cannot_be_represented():
    click = np.zeros(48000, np.float32)
    click[24000] = 1
    assert np.abs(audio.resample(click, 48000, 16000)).argmax() == 8000
    assert np.abs(audio.resample(tone(1, 48000, 12000), 48000, 16000)[500:-500]).max() < 1e-3


@given(frames=st.integers(1, 400), rate=st.sampled_from([8000, 11025, 16000, 44100, 48000, 96000]))
@settings(deadline=None, max_examples=40)
def test_resampled_length_is_exact(frames, rate):
    assert len(audio.resample(np.ones(frames, np.float32), rate, 16000)) == -(-frames * 16000 // rate)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_file_of_five_samples_is_read(tmp_path, suffix):
    soundfile.write(tmp_path / f"five{suffix}", np.array([0.1, 0.2, 0.3, 0.2, 0.1]), 16000)
    np.testing.assert_allclose(audio.read(tmp_path / f"five{suffix}"), [0.1, 0.2, 0.3, 0.2, 0.1], atol=1e-4)


def broken_files(folder):
    (folder / "text.wav").write_text("this is not audio\n" * 50)
    (folder / "zero.wav").touch()
    (folder / "folder.wav").mkdir()
    soundfile.write(folder / "empty.wav", np.zeros(0), 16000)
    soundfile.write(folder / "nan.wav", np.array([0.1, np.nan, 0.2]), 16000, subtype="FLOAT")
    soundfile.write(folder / "inf.wav", np.array([0.1, np.inf, 0.2]), 16000, subtype="FLOAT")
    for suffix in (".flac", ".wav"):
        whole = io.BytesIO()
        noise = np.random.default_rng(0).normal(size=50000) * 0.1
        soundfile.write(whole, noise, 16000, format=suffix[1:].upper())
        (folder / f"cut{suffix}").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.wav", "no such file"),
        ("folder.wav", "is a folder"),
        ("text.wav", "not audio"),
        ("zero.wav", "empty"),
        ("empty.wav", "no samples"),
        ("nan.wav", "1 of 3 samples are NaN"),
        ("inf.wav", "1 of 3 samples are NaN or infinite"),
        ("cut.flac", "truncated"),
        ("cut.wav", "truncated"),
    ],
)
def test_unusable_files_are_refused_by_name_and_reason(tmp_path, name, message):
    broken_files(tmp_path)
    with pytest.raises(AudioError, match=message) as caught:
        audio.read(tmp_path / name)
    assert name in str(caught.value)
    assert caught.value.exit_code == 2


def test_probe_refuses_what_the_header_already_gives_away(tmp_path):
    broken_files(tmp_path)
    for name in ("missing.wav", "folder.wav", "text.wav", "zero.wav", "empty.wav", "cut.wav"):
        with pytest.raises(AudioError, match=name):
            audio.probe(tmp_path / name)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_written_samples_come_back_clipped_to_16_bit(tmp_path, suffix):
    path = tmp_path / "new" / f"out{suffix}"
    audio.write(path, np.array([0.0, 0.5, -0.5, 1.5, -1.5], np.float32), 16000)
    assert soundfile.info(path).subtype == "PCM_16"
    assert soundfile.read(path, dtype="int16")[0].tolist() == [0, 16384, -16384, 32767, -32768]
    assert os.listdir(path.parent) == [path.name]


def test_int16_survives_a_round_trip_bit_for_bit(tmp_path):
    pcm = np.random.default_rng(0).integers(-32768, 32768, 1000).astype(np.int16)
    audio.write(tmp_path / "a.flac", pcm, 16000)
    np.testing.assert_array_equal(audio.to_int16(audio.read(tmp_path / "a.flac")), pcm)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    audio.write(path, tone(), 16000)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match=r"cannot write .*a\.wav: No space left on device"):
        audio.write(path, tone(1), 16000)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.wav"]


def test_write_refuses_what_it_cannot_write(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.wav or \.flac"):
        audio.write(tmp_path / "a.mp3", tone(), 16000)
    with pytest.raises(InputError, match=r"\(2, 3\)"):
        audio.write(tmp_path / "a.wav", np.zeros((2, 3)), 16000)
    with pytest.raises(AudioError, match="NaN"):
        audio.write(tmp_path / "a.wav", np.array([np.nan]), 16000)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        audio.write(tmp_path / "file" / "a.wav", tone(), 16000)
    assert os.listdir(tmp_path) == ["file"]


def test_trim_tells_how_much_was_cut_at_the_start():
    samples = np.concatenate([np.zeros(8000, np.float32), tone(1), np.zeros(8000, np.float32)])
    trimmed = audio.trim_silence(samples, 40)
    assert trimmed.offset_samples == pytest.approx(8000, abs=2048)
    np.testing.assert_array_equal(trimmed.samples[:2000], samples[trimmed.offset_samples :][:2000])
    assert 16000 <= len(trimmed.samples) <= 16000 + 4096


def test_importing_audio_is_light():
    code = "import sys, vqspeech.audio; print([m for m in ('torch', 'librosa', 'numba', 'scipy') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
