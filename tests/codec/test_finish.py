from __future__ import annotations

import numpy as np
import pytest

from vqspeech.codec.finish import Finisher, limited
from vqspeech.codec.source import FramePower, Source, SourceMeter
from vqspeech.nn.decoders.protocol import Piece


def noise(count, level, seed=0):
    return (level * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def source(waveform, rate=16000):
    meter = SourceMeter(rate, pitch=False)
    assert [len(block) for block in meter.through([waveform[:1000], waveform[1000:]])] == [1000, len(waveform) - 1000]
    return meter.finish()


def finished(given, made, rate=16000, cuts=(), source_rate=16000):
    parts = np.split(made, cuts)
    pieces = [Piece(0, part, number == len(parts) - 1, "e") for number, part in enumerate(parts)]
    return list(Finisher([source(given, source_rate)], rate, source_rate)(pieces))


def joined(pieces):
    return np.concatenate([piece.waveform for piece in pieces])


@pytest.mark.parametrize("rate", [16000, 22050, 48000])
def test_one_gain_gives_the_level_of_the_source_at_every_rate(rate):
    loud = np.concatenate([noise(16000, 0.05), noise(16000, 0.0001), noise(8000, 0.05)])
    made = np.concatenate([noise(rate, 0.01, 1), noise(rate, 0.03, 2), noise(rate // 2, 0.01, 3)])
    result = joined(finished(loud, made, rate))
    ratio = result / made
    assert ratio.std() < 1e-4 and ratio.mean() == pytest.approx(5, rel=0.02)


def test_pieces_are_held_back_until_the_gain_is_known():
    given, made = noise(40 * 16000, 0.1), noise(40 * 16000, 0.05, 1)
    pieces = finished(given, made, cuts=range(16000, 40 * 16000, 16000))
    assert [len(piece.waveform) // 16000 for piece in pieces] == [20, *[1] * 20]
    assert [piece.last for piece in pieces] == [False] * 20 + [True]
    gains = [(piece.waveform / part).mean() for piece, part in zip(pieces[1:], np.split(made, 40)[20:], strict=True)]
    np.testing.assert_allclose(gains, gains[0], rtol=1e-4)
    whole = joined(finished(given, made))
    np.testing.assert_allclose(joined(pieces), whole, rtol=0.02, atol=1e-3)


def test_a_recording_that_begins_with_a_minute_of_silence_is_not_held_back_longer():
    given = np.concatenate([np.zeros(70 * 16000, np.float32), noise(16000, 0.1)])
    pieces = finished(given, noise(71 * 16000, 0.05, 1), cuts=range(16000, 71 * 16000, 16000))
    assert len(pieces[0].waveform) == 60 * 16000
    result = joined(pieces)
    assert not result[: 70 * 16000].any() and result[70 * 16000 + 100 :].any()


def test_silence_begins_and_ends_with_ramps():
    given = np.concatenate([noise(1600, 0.1), np.zeros(1600, np.float32), noise(1600, 0.1)])
    made = np.full(4800, 0.1, np.float32)
    result = joined(finished(given, made, cuts=[777, 1601, 3333]))
    assert not result[1600:3200].any()
    top = result[:1500].max()
    np.testing.assert_allclose(result[:1520], top, rtol=1e-5)
    assert 0 < result[1599] < 0.02 * top and 0 < result[3200] < 0.02 * top
    assert np.abs(np.diff(result)).max() < 0.02 * top
    np.testing.assert_allclose(result[3281:], top, rtol=1e-5)


def test_ctrl_c_gives_what_is_held_back():
    def pieces():
        yield Piece(0, noise(800, 0.1), False, "e")
        raise KeyboardInterrupt

    found = []
    with pytest.raises(KeyboardInterrupt):
        for piece in Finisher([source(noise(1600, 0.1))], 16000, 16000)(pieces()):
            found.append(piece)
    assert [len(piece.waveform) for piece in found] == [800] and not found[0].last


@pytest.mark.parametrize("given", [np.zeros(1600, np.float32), noise(1600, 1e-5)])
def test_sources_without_a_level_give_finite_speech(given):
    result = joined(finished(given, noise(1600, 0.1, 1)))
    assert np.isfinite(result).all()
    assert not joined(finished(noise(1600, 0.1), np.zeros(1600, np.float32))).any()


def test_peaks_stay_below_full_scale_and_the_rest_is_untouched():
    waveform = np.linspace(-3, 3, 601, dtype=np.float32)
    result = limited(waveform)
    assert np.abs(result).max() <= 1
    assert (np.diff(result) >= 0).all()
    inside = np.abs(waveform) <= 0.9
    np.testing.assert_array_equal(result[inside], waveform[inside])


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
def test_power_of_frames_does_not_depend_on_blocks(rate):
    waveform = noise(12345, 0.1)
    expected = np.bincount(np.arange(12345) * 100 // rate, weights=np.square(waveform, dtype=np.float64))
    for step in (1000, 77, 20_000):
        power = FramePower(rate)
        for start in range(0, 12345, step):
            power.push(waveform[start : start + step])
        power.push(waveform[:0])
        np.testing.assert_allclose(power.frames(), expected)
    assert isinstance(Source(power=expected).f0, type(None))
