"""Samples beyond full scale are limited, counted and named, the same for files and for prepared corpora."""

import warnings

import numpy as np
import pytest
import soundfile

from vqspeech import audio
from vqspeech.audio.stream import blocks
from vqspeech.corpora import folder
from vqspeech.corpora.store import prepare
from vqspeech.errors import AudioError, CorpusError


def noise(level, count=20_000, seed=0):
    return (level * np.random.default_rng(seed).uniform(-1, 1, count)).astype(np.float32)


def write(path, samples, rate=16000, subtype="FLOAT"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def test_samples_beyond_full_scale_are_limited_and_counted(tmp_path):
    samples = noise(0.9)
    samples[[5, 70, 900]] = 1.5, -2.0, 1.25
    path = write(tmp_path / "loud.wav", samples)
    with pytest.warns(UserWarning, match=r"loud\.wav: 3 of 20000 samples lie beyond full scale \(peak 2,"):
        found = audio.read(path)
    expected = np.clip(samples, -1, 32767 / 32768)
    np.testing.assert_array_equal(found, expected)
    with pytest.warns(UserWarning, match="3 of 20000 samples"):
        np.testing.assert_array_equal(np.concatenate(list(blocks(path))), expected)


@pytest.mark.parametrize("rate", [16000, 44100, 8000])
def test_a_file_and_its_prepared_copy_are_the_same_samples(tmp_path, rate):
    loud = noise(0.9, 50_000)
    loud[::101] *= 2
    write(tmp_path / "data" / "ann" / "loud.wav", loud, rate)
    write(tmp_path / "data" / "ann" / "full.wav", np.sign(noise(1, 50_000)), rate, "PCM_16")
    store = prepare(folder.read(tmp_path / "data"), tmp_path / "store", workers=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place, row in enumerate(store.rows):
            direct = audio.read(row.path)
            assert np.abs(direct).max() <= 1
            np.testing.assert_allclose(store.waveform(place), direct, atol=0.51 / 32768)
    beyond = int((np.abs(loud) > 1).sum())
    (note,) = (note for note in store.corpus.notes if "full scale" in note)
    assert f"1: ann-loud ({beyond} of 50000 samples)" in note


def test_integers_saved_as_floating_point_are_refused_by_name(tmp_path):
    path = write(tmp_path / "ann" / "int.wav", np.round(noise(9000)))
    for read in (audio.read, lambda path: list(blocks(path))):
        with pytest.raises(
            AudioError, match=r"int\.wav: \d+ of 20000 samples .*16-bit integers.*Divide them"
        ) as caught:
            read(path)
        assert caught.value.exit_code == 2
    with pytest.raises(CorpusError, match="beyond full scale"):
        prepare(folder.read(tmp_path), tmp_path / "store", workers=1)
    write(tmp_path / "ann" / "good.wav", noise(0.5))
    store = prepare(folder.read(tmp_path), tmp_path / "store", workers=1)
    assert [row.id for row in store.rows] == ["ann-good"]
    assert "beyond full scale" in store.corpus.skipped[str(path)]


def test_full_scale_in_16_bits_and_the_overshoot_of_a_lossy_format_say_nothing(tmp_path):
    full = np.array([32767, -32768] * 500, np.int16)
    path = write(tmp_path / "full.wav", full, subtype="PCM_16")
    loud = 0.999 * np.sin(2 * np.pi * 100 * np.arange(16000) / 16000)
    soundfile.write(tmp_path / "a.ogg", loud, 16000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(audio.to_int16(audio.read(path)), full)
        assert np.abs(audio.read(tmp_path / "a.ogg")).max() <= 1
