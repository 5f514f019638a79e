from __future__ import annotations

import numpy as np
import pytest
from voiced import speech

from vqspeech.audio.pitch import track
from vqspeech.codec.speech import stream_number
from vqspeech.conversion import Conversion, convert
from vqspeech.errors import InputError, UnknownNameError
from vqspeech.live.conversion import LiveConversion
from vqspeech.nn.decoders.protocol import SpeakOptions


def streamed(codec, waveform, sizes=(640,), speaker="p226", **options):
    stream, found, at, turn = LiveConversion(codec, speaker, **options), [], 0, 0
    while at < len(waveform):
        found.append(stream.push(waveform[at : at + sizes[turn % len(sizes)]]))
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    return np.concatenate([*found, stream.finish()])


@pytest.mark.parametrize("time", [1, 321, 35_000])
def test_with_the_models_reach_the_samples_are_those_of_the_whole_recording(codec, time):
    waveform, key = speech(3.0)[:time], SpeakOptions(streams=(stream_number("a"),))
    item = Conversion(waveform=waveform, speaker="p226", key="a")
    whole = convert(codec, [item], intonation="predicted", keep_level=False).waveforms[0]
    reach = LiveConversion(codec, "p226").exact_ahead_s
    assert 0.5 < reach < 1.5
    found = streamed(codec, waveform, ahead_s=reach, intonation="predicted", keep_level=False, options=key)
    assert np.abs(whole).max() > 0.001
    np.testing.assert_allclose(found, whole, atol=2e-4)


@pytest.mark.parametrize("ahead", [0.0, 0.02, 0.13, 0.16])
def test_the_delay_is_what_it_says(codec, ahead):
    stream = LiveConversion(codec, "p226", ahead_s=ahead, step_s=0.04)
    assert stream.delay_s == pytest.approx((0.14 if ahead == 0.13 else ahead) + 0.04)
    made, worst = 0, 0
    for fed in range(6_000):
        # The sample that is now missing came in this long ago.
        worst = max(worst, fed - made)
        made += len(stream.push(np.zeros(1, np.float32)))
    assert worst + 1 == round(stream.delay_s * 16000)


def test_as_much_comes_out_as_goes_in_however_it_is_cut(codec):
    waveform = speech(1.5)[:22_123]
    once = streamed(codec, waveform, (len(waveform),))
    many = streamed(codec, waveform, (1, 999, 320, 2000))
    assert once.shape == waveform.shape and np.isfinite(once).all()
    np.testing.assert_allclose(once, many, atol=1e-5)
    assert streamed(codec, waveform[:0]).shape == (0,)


def test_it_follows_the_melody_in_the_range_of_the_voice(codec):
    waveform = np.concatenate([0.5 * speech(2.4, 120.0), 0.5 * speech(2.4, 150.0)])
    source = track(waveform, 16000)
    for speaker, mean in (("p225", 4.6), ("p226", 5.6)):
        flat = LiveConversion(codec, speaker, intonation="flat")
        first, f0 = flat._heard(waveform)
        assert first == 0 and np.log(f0[f0 > 0]) == pytest.approx(mean, abs=1e-5)
        _, f0 = LiveConversion(codec, speaker)._heard(waveform)
        voiced = (f0 > 0) & (source > 0)
        moved = np.log(f0[voiced]) - np.log(source[voiced])
        assert voiced.mean() > 0.4 and np.ptp(np.percentile(moved, [5, 95])) < 0.02
        assert np.log(f0[voiced]).mean() == pytest.approx(mean, abs=0.05)


def test_the_level_is_that_of_the_source(codec):
    waveform = 0.1 * speech(4.0)
    found = streamed(codec, waveform)
    assert np.sqrt(np.square(found[16_000:]).mean() / np.square(waveform[16_000:]).mean()) == pytest.approx(1, abs=0.3)


def test_bad_values_are_refused(codec, wavenet):
    with pytest.raises(UnknownNameError, match="'p999'"):
        LiveConversion(codec, "p999")
    with pytest.raises(UnknownNameError, match="sorce"):
        LiveConversion(codec, "p226", intonation="sorce")
    for bad in ({"ahead_s": -0.1}, {"ahead_s": 11}, {"step_s": 0}, {"step_s": 2}, {"ahead_s": float("nan")}):
        with pytest.raises(InputError, match="0 to 10 s ahead"):
            LiveConversion(codec, "p226", **bad)
    with pytest.raises(InputError, match=r"decoder 'wavenet'.*vqspeech convert.*harmonic"):
        LiveConversion(wavenet, "p226")
