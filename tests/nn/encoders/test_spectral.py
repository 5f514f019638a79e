"""Spectral features against a version with loops in float64."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.nn.encoders.spectral import SpectralFeatures

RATE = 16000


def slow_mel_filters(bins, bands):
    """Triangles between equidistant points of the mel scale (2595 log10(1 + f / 700)), of unit area, row by row."""
    top = 2595 * math.log10(1 + RATE / 2 / 700)
    edges = [700 * (10 ** (top * band / (bands + 1) / 2595) - 1) for band in range(bands + 2)]
    filters = np.zeros((bands, bins))
    for band in range(bands):
        low, middle, high = edges[band : band + 3]
        for index in range(bins):
            f = index * RATE / 2 / (bins - 1)
            rise, fall = (f - low) / (middle - low), (high - f) / (high - middle)
            filters[band, index] = max(0.0, min(rise, fall)) * 2 / (high - low)
    return filters


def slow_logmel(waveform, *, hop, window, bands):
    n_fft = 2 ** math.ceil(math.log2(window))
    filters = slow_mel_filters(n_fft // 2 + 1, bands)
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * i / window) for i in range(window)]
    frames = []
    for start in range(0, len(waveform), hop):
        first = start - (window - hop) // 2
        cut = [waveform[i] if 0 <= i < len(waveform) else 0.0 for i in range(first, first + window)]
        power = np.abs(np.fft.rfft(np.array(cut) * hann, n_fft)) ** 2
        frames.append(np.log(np.maximum(filters @ power, 1e-8)))
    return np.array(frames).T


def slow_dct(column, keep):
    size = len(column)
    return [
        math.sqrt((1 if k == 0 else 2) / size)
        * sum(value * math.cos(math.pi * k * (2 * n + 1) / (2 * size)) for n, value in enumerate(column))
        for k in range(keep)
    ]


def slow_difference(rows):
    """sum_n n (c[t + n] - c[t - n]) / (2 sum_n n^2), n = 1, 2, ends repeated."""
    time = rows.shape[1]
    at = lambda t: rows[:, min(max(t, 0), time - 1)]  # noqa: E731
    return np.stack([sum(n * (at(t + n) - at(t - n)) for n in (1, 2)) / 10 for t in range(time)], 1)


@pytest.fixture
def speechlike():
    time = np.arange(3200) / RATE
    noise = np.random.default_rng(0).normal(size=len(time))
    return 0.3 * np.sin(2 * np.pi * 220 * time) + 0.2 * np.sin(2 * np.pi * 1800 * time**1.5) + 0.05 * noise


@pytest.mark.filterwarnings("ignore:At least one mel filterbank")
@pytest.mark.parametrize("hop, window", [(160, 400), (160, 161), (100, 100), (160, 51)])
def test_logmel_is_its_definition(speechlike, hop, window):
    features = SpectralFeatures("logmel", sample_rate=RATE, hop_samples=hop, window_samples=window, n_mels=20)
    waveform = speechlike[: len(speechlike) // hop * hop]
    found = features(torch.from_numpy(waveform)[None])[0].double().numpy()
    np.testing.assert_allclose(found, slow_logmel(waveform, hop=hop, window=window, bands=20), atol=2e-3)


def test_mfccs_and_their_differences_are_their_definitions(speechlike):
    features = SpectralFeatures("mfcc", sample_rate=RATE, n_mels=24, n_mfcc=13, deltas=True)
    found = features(torch.from_numpy(speechlike)[None])[0].double().numpy()
    logmel = slow_logmel(speechlike, hop=160, window=400, bands=24)
    cepstra = np.array([slow_dct(column, 13) for column in logmel.T]).T
    first = slow_difference(cepstra)
    np.testing.assert_allclose(found, np.concatenate([cepstra, first, slow_difference(first)]), atol=5e-3)


@settings(max_examples=20, deadline=None)
@given(frames=st.lists(st.integers(0, 12), min_size=1, max_size=3), reach=st.integers(1, 14), deltas=st.booleans())
def test_a_sliding_mean_is_that_of_the_frames_within_reach(frames, reach, deltas):
    same = {"sample_rate": RATE, "hop_samples": 40, "window_samples": 100, "n_mels": 8, "n_mfcc": 3, "deltas": deltas}
    features = SpectralFeatures("mfcc", **same, mean_window_samples=2 * reach * 40 + 7)
    waveform, counts = torch.randn(len(frames), 12 * 40), torch.tensor(frames)
    found, plain = features(waveform, counts), SpectralFeatures("mfcc", **same)(waveform, counts)
    for row, count in enumerate(frames):
        for place in range(count):
            mean = plain[row, :3, max(0, place - reach) : min(count, place + reach + 1)].double().mean(-1)
            torch.testing.assert_close(found[row, :3, place].double(), plain[row, :3, place] - mean, atol=1e-4, rtol=0)
    # Differences have no mean to lose.
    assert torch.equal(found[:, 3:], plain[:, 3:])


def test_a_microphone_is_gone_with_the_sliding_mean(speechlike):
    features = SpectralFeatures("logmel", sample_rate=RATE, mean_window_samples=RATE)
    waveform = torch.from_numpy(speechlike)[None]
    torch.testing.assert_close(features(waveform), features(0.3 * waveform), atol=1e-3, rtol=0)


def test_a_lifter_weighs_coefficients_by_their_number(speechlike):
    waveform = torch.from_numpy(speechlike)[None]
    plain, liftered = (SpectralFeatures("mfcc", sample_rate=RATE, n_mfcc=4, deltas=True, lifter=e) for e in (0.0, -0.5))
    weights = torch.tensor([1.0, 2**-0.5, 3**-0.5, 0.5] * 3)
    torch.testing.assert_close(liftered(waveform), plain(waveform) * weights[:, None])


@settings(max_examples=20, deadline=None)
@given(hop=st.integers(1, 60), surplus=st.integers(0, 90), frames=st.integers(1, 9), deltas=st.booleans())
@pytest.mark.filterwarnings("ignore:At least one mel filterbank")
def test_n_hops_give_n_frames(hop, surplus, frames, deltas):
    features = SpectralFeatures(
        "mfcc", sample_rate=RATE, hop_samples=hop, window_samples=hop + surplus, n_mels=5, n_mfcc=3, deltas=deltas
    )
    assert features(torch.zeros(2, frames * hop)).shape == (2, features.channels, frames)
    assert features.channels == (9 if deltas else 3)


def test_a_click_in_the_middle_of_a_frame_is_strongest_in_that_frame():
    features = SpectralFeatures("logmel", sample_rate=RATE, hop_samples=160, window_samples=400, n_mels=10)
    waveform = torch.zeros(1, 160 * 9)
    waveform[0, 4 * 160 + 80] = 1
    assert features(waveform)[0].sum(0).argmax() == 4


def test_fit_standardises_what_it_was_given(speechlike):
    features = SpectralFeatures("mfcc", sample_rate=RATE, deltas=True)
    batch = torch.from_numpy(np.stack([speechlike, speechlike[::-1] * 0.3]))
    features.fit(batch)
    frames = features(batch).transpose(1, 2).reshape(-1, features.channels)
    torch.testing.assert_close(frames.mean(0), torch.zeros(features.channels), atol=1e-3, rtol=0)
    torch.testing.assert_close(frames.std(0), torch.ones(features.channels), atol=0.05, rtol=0)


def test_fit_leaves_out_masked_frames(speechlike):
    one, two = (SpectralFeatures("logmel", sample_rate=RATE) for _ in range(2))
    batch = torch.from_numpy(np.stack([speechlike, speechlike])).float()
    loud = batch.clone()
    loud[1, 1600:] *= 100
    mask = torch.ones(2, 20, dtype=torch.bool)
    mask[1, 8:] = False
    one.fit(batch, mask)
    two.fit(loud, mask)
    assert torch.equal(one.mean, two.mean)
    assert torch.equal(one.std, two.std)


@pytest.mark.parametrize("valid", [0, 1])
def test_fit_on_next_to_nothing_stays_finite(speechlike, valid):
    features = SpectralFeatures("logmel", sample_rate=RATE)
    batch = torch.from_numpy(speechlike).float()[None]
    features.fit(batch, torch.arange(20)[None] < valid)
    assert torch.isfinite(features(batch)).all()


def test_silence_is_finite():
    features = SpectralFeatures("mfcc", sample_rate=RATE, deltas=True)
    waveform = torch.zeros(1, 1600, requires_grad=True)
    result = features(waveform)
    result.sum().backward()
    assert torch.isfinite(result).all()
    assert torch.isfinite(waveform.grad).all()


def test_autocast_does_not_touch_the_features(speechlike):
    features = SpectralFeatures("mfcc", sample_rate=RATE)
    waveform = torch.from_numpy(speechlike).float()[None]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(features(waveform), features(waveform.clone()))
        found = features(waveform)
    assert found.dtype == torch.float32
    assert torch.equal(found, features(waveform))
