import numpy as np
import pytest
import soundfile

from vqspeech import audio
from vqspeech.audio.stream import blocks


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_channels_out_of_phase_are_not_averaged_to_silence(tmp_path, ending):
    time = np.arange(16000) / 16000
    sound = 0.3 * np.sin(2 * np.pi * 220 * time)
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.stack([-sound, 1.01 * sound], 1), 16000)
    with pytest.warns(UserWarning, match=r"channels cancel each other; channel 2 is taken"):
        found = audio.read(path)
    np.testing.assert_allclose(found, 1.01 * sound, atol=0.05)
    with pytest.warns(UserWarning, match="channel 2"):
        np.testing.assert_array_equal(np.concatenate(list(blocks(path))), found)


@pytest.mark.parametrize("channels", [2, 6])
def test_independent_equal_and_silent_channels_are_averaged(tmp_path, channels, recwarn):
    rng = np.random.default_rng(0)
    one = rng.normal(size=(8000, 1))
    silent = np.zeros((8000, channels))
    alone = np.concatenate([one, silent[:, 1:]], 1)
    mixed = (rng.normal(size=(8000, channels)), np.repeat(one, channels, 1), silent, alone)
    for number, samples in enumerate(mixed):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, 0.1 * samples, 16000, subtype="FLOAT")
        np.testing.assert_allclose(audio.read(path), 0.1 * samples.mean(1), atol=1e-6)
    assert not [warning for warning in recwarn if "cancel" in str(warning.message)]
