import numpy as np
import pytest

from vqspeech.analysis.listening.judge import quality


@pytest.mark.skipif(bool(quality.why_not()), reason="comes with the extra judge")
@pytest.mark.parametrize("seconds", [0.1, 4.0, 9.01, 11.7])
def test_ratings_equal_those_of_speechmos(seconds):
    speechmos = pytest.importorskip("speechmos.dnsmos", reason="needs packages that it does not declare")
    time = np.arange(int(seconds * 16000)) / 16000
    noise = np.random.default_rng(0).standard_normal(len(time))
    waveform = (0.1 * np.sin(2 * np.pi * 140 * time) * np.sin(2 * np.pi * 3 * time) + 0.01 * noise).astype(np.float32)
    expected = speechmos.run(waveform, 16000)["ovrl_mos"]
    assert quality.Dnsmos().rate(waveform) == pytest.approx(expected, abs=1e-4)


@pytest.mark.skipif(bool(quality.why_not()), reason="comes with the extra judge")
def test_silence_has_no_rating():
    assert quality.Dnsmos().rate(np.zeros(16000, np.float32)) is None
