import io
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech import audio
from vqspeech.audio import decoding
from vqspeech.audio.stream import blocks
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


def test_a_name_that_is_not_utf8_and_a_pipe_are_refused_by_name(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    audio.write(tmp_path / "a.wav", tone(), 16000)
    os.rename(tmp_path / "a.wav", path)
    os.mkfifo(tmp_path / "pipe.wav")
    for name, message in ((path, r"caf\\xe9\.wav: its name is not UTF-8; rename it"), ("pipe.wav", "is a pipe")):
        for read in (audio.read, audio.probe, lambda path: list(blocks(path))):
            with pytest.raises(AudioError, match=message):
                read(tmp_path / name)
    assert audio.shown_path(path) == f"{tmp_path}/caf\\xe9.wav"


def flac_of_unknown_length(path, samples, rate=16000):
    whole = io.BytesIO()
    soundfile.write(whole, samples, rate, format="FLAC")
    content = bytearray(whole.getvalue())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert soundfile.info(path).frames > 2**60


@pytest.mark.parametrize("channels", [1, 2])
def test_a_flac_of_unknown_length_is_read_to_its_end(tmp_path, channels):
    samples = tone(5)[:, None] * np.array([1, -0.9][:channels])
    flac_of_unknown_length(tmp_path / "a.flac", samples)
    soundfile.write(tmp_path / "known.flac", samples, 16000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, known = audio.read(tmp_path / "a.flac"), audio.read(tmp_path / "known.flac")
        np.testing.assert_array_equal(found, known)
        np.testing.assert_array_equal(np.concatenate(list(blocks(tmp_path / "a.flac"))), known)
        assert audio.probe(tmp_path / "a.flac") == audio.AudioInfo(5.0, 16000, channels)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[:200])
    with pytest.raises(AudioError, match=r"cut\.flac: (broken or truncated|holds no samples|not audio)"):
        audio.probe(tmp_path / "cut.flac")


@pytest.mark.parametrize("rate", [1, 2, 999, 1_000_001, 2**31 - 1])
def test_absurd_sample_rates_are_refused_before_anything_is_decoded(tmp_path, rate):
    audio.write(tmp_path / "a.wav", tone(), 16000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    for read in (audio.read, audio.probe, lambda path: list(blocks(path))):
        with pytest.raises(AudioError, match=rf"(?:sample rate is {rate} Hz; rates from 1000|not audio)"):
            read(tmp_path / "a.wav")


def test_a_recording_too_long_to_be_held_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "MOST_SAMPLES", 100_000)
    audio.write(tmp_path / "a.flac", np.zeros(100_001), 16000)
    flac_of_unknown_length(tmp_path / "b.flac", np.zeros(100_001))
    audio.write(tmp_path / "c.flac", np.zeros(10_000), 1000)
    for name in "abc":
        with pytest.raises(AudioError, match="cut it into shorter recordings"):
            audio.read(tmp_path / f"{name}.flac")
    assert sum(map(len, blocks(tmp_path / "a.flac"))) == 100_001


def test_too_little_memory_is_an_error_of_the_file(tmp_path, monkeypatch):
    audio.write(tmp_path / "a.wav", tone(), 16000)

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(decoding, "resample", full)
    with pytest.raises(AudioError, match=r"a\.wav: does not fit into memory"):
        audio.read(tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["WAV", "AU", "AIFF", "W64", "RF64", "NIST", "OGG", "FLAC", "MP3"])
def test_a_cut_file_of_any_format_is_refused_and_a_whole_one_read(tmp_path, name):
    whole = io.BytesIO()
    soundfile.write(whole, np.random.default_rng(0).normal(size=50_000) * 0.1, 16000, format=name)
    path = tmp_path / f"a.{name.lower()}"
    path.write_bytes(whole.getvalue())
    assert abs(len(audio.read(path)) - 50_000) < 2
    for share in (0.9, 0.5, 0.3):
        path.write_bytes(whole.getvalue()[: int(share * len(whole.getvalue()))])
        for read in (audio.read, lambda path: list(blocks(path))):
            with pytest.raises(AudioError, match=r"truncated|no samples|not audio"):
                read(path)


@pytest.mark.parametrize("tagged", [False, True])
def test_an_mp3_without_a_count_of_its_frames_is_read_as_far_as_it_goes(tmp_path, tagged):
    whole = io.BytesIO()
    soundfile.write(whole, tone(3), 16000, format="MP3")
    content = whole.getvalue()
    tag = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256) if tagged else b""
    first = content.find(b"\xff\xf3", 4)
    (tmp_path / "bare.mp3").write_bytes(tag + content[first:])
    assert len(audio.read(tmp_path / "bare.mp3")) == pytest.approx(48_000, abs=2000)
    (tmp_path / "cut.mp3").write_bytes(tag + content[: len(content) // 2])
    with pytest.raises(AudioError, match="truncated: the header promises 48000 samples"):
        audio.read(tmp_path / "cut.mp3")


@pytest.mark.parametrize(
    ("declared", "streamed"),
    [
        *((length, True) for length in (0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFDB)),
        *((length, False) for length in (0x80001000, 3_000_000_000, 0x7FFFE000, 4_000_000_000)),
    ],
)
def test_a_wav_of_gigabytes_that_is_cut_is_no_stream(tmp_path, declared, streamed):
    soundfile.write(tmp_path / "a.wav", tone(), 16000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = min(declared + 36, 2**32 - 1).to_bytes(4, "little")
    content[40:44] = declared.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    if streamed:
        assert len(audio.read(tmp_path / "a.wav")) == 8000
    else:
        with pytest.raises(AudioError, match=f"truncated: the header promises {declared} bytes"):
            audio.read(tmp_path / "a.wav")


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
