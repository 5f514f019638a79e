from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.analysis.listening.features import mel_filters, mel_power, mfcc
from vqspeech.analysis.phonemes.baselines import (
    kmeans,
    kmeans_variants,
    mfcc_at_codes,
    normalised_variants,
    random_codes,
)
from vqspeech.analysis.phonemes.score import score
from vqspeech.codes import CodeTable, UtteranceCodes

RATE = 16000
TIMIT = Path(__file__).parents[3] / "shared" / "data" / "timit-sample"


def slow_mel_power(waveform: np.ndarray, position: int, n_mels: int) -> np.ndarray:
    """One 25 ms Hann window by the definition of the Fourier transform, float64."""
    window = np.zeros(400)
    for k in range(400):
        at = position - 200 + k
        if 0 <= at < len(waveform):
            window[k] = waveform[at] * 0.5 * (1 - np.cos(2 * np.pi * k / 400))
    turns = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)
    return np.asarray(mel_filters(RATE, 512, n_mels).astype(np.float64) @ np.abs(turns @ window) ** 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 1500), st.floats(-0.1, 1.1), st.integers(0, 2**31))
def test_mel_power_agrees_with_the_definition_up_to_the_edges(length: int, share: float, seed: int) -> None:
    waveform = np.random.default_rng(seed).normal(0, 0.1, length)
    position = int(np.clip(round(share * length), -150, length + 150))
    found = mel_power(waveform, RATE, np.array([position]), n_mels=40)[0]
    assert found == pytest.approx(slow_mel_power(waveform, position, 40), rel=1e-3, abs=1e-6)


def test_mfcc_do_not_depend_on_level_but_for_c0() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 8000)
    at = np.array([2000, 4000])
    loud, quiet = mfcc(sound, RATE, at), mfcc(0.1 * sound, RATE, at)
    assert quiet[:, 1:] == pytest.approx(loud[:, 1:], abs=1e-2)
    assert loud[:, 0] - quiet[:, 0] == pytest.approx(np.sqrt(40) * np.log(100), rel=1e-3)


def test_features_of_a_steady_sound_have_no_slope_and_a_mean_like_their_centre() -> None:
    steady = np.zeros(RATE, dtype=np.float32)
    # A click every 5 ms, so that windows every 10 ms see the same.
    steady[::80] = 1.0
    features = mfcc_at_codes(steady, RATE, 640, np.arange(5, 15))
    assert features["mfcc13+delta, centre"].shape == (10, 26)
    assert np.abs(features["mfcc13+delta, centre"][:, 13:]).max() < 1e-2
    assert features["mfcc13, mean"] == pytest.approx(features["mfcc13, centre"], abs=1e-2)


def test_normalised_features_do_not_hear_the_microphone() -> None:
    """A filter over the whole recording, such as a microphone, changes MFCC, but not those less their mean."""
    sound = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)
    frames = np.arange(5, 15)
    plain, filtered = (mfcc_at_codes(wave, RATE, 640, frames) for wave in (sound, np.convolve(sound, [1, 0.9])[:RATE]))
    moved = {name: np.abs(filtered[name] - values).mean() for name, values in plain.items()}
    assert moved["mfcc13 less its mean, mean"] < 0.2 * moved["mfcc13, mean"]


def test_the_normalised_rivals_are_the_two_liftered_kinds() -> None:
    wave = np.random.default_rng(2).normal(0, 0.1, RATE).astype(np.float32)
    features = mfcc_at_codes(wave, RATE, 640, np.arange(25))
    assert len(kmeans_variants(features, features, 3, seed=0)) == 8
    found = normalised_variants(features, features, 3, seed=0)
    assert set(found) == {"mfcc13, mean, liftered", "mfcc13 less its mean, mean, liftered"}
    # One utterance: its mean moves all frames alike.
    assert np.array_equal(*found.values())


def test_kmeans_makes_no_more_clusters_than_there_are_points() -> None:
    ids = kmeans(np.array([[0.0], [0.0], [5.0], [9.0]]), 128, seed=0)
    assert ids[0] == ids[1]
    assert len(set(ids.tolist())) == 3


def test_random_codes_are_the_same_for_the_same_seed() -> None:
    first, again = (np.stack(list(random_codes(50, 8, seed=3))) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.shape == (10, 50)
    assert set(first.ravel().tolist()) == set(range(8))


@pytest.mark.skipif(not TIMIT.is_dir(), reason=f"{TIMIT} is absent")
def test_baselines_on_timit_are_where_they_were_measured() -> None:
    """16 speakers at 25 Hz: prior 8.0 %, random codes 11.1 %, k-means (K = 128) 38.5 % of frames without silence."""
    import soundfile

    from vqspeech.corpora.timit import read

    utterances = {item.id: item for item in read(TIMIT).utterances}
    waveforms = {name: soundfile.read(item.path, dtype="float32")[0] for name, item in utterances.items()}
    rng = np.random.default_rng(0)
    rows = tuple(
        UtteranceCodes(
            id=name,
            speaker=item.speaker,
            split="",
            path=str(item.path),
            n_samples=len(waveforms[name]),
            codes=rng.integers(128, size=(1, len(waveforms[name]) // 640)),
        )
        for name, item in utterances.items()
    )
    table = CodeTable(sample_rate=16000, hop_samples=640, codebook_sizes=(128,), rows=rows)
    alignments = {name: item.alignment for name, item in utterances.items() if item.alignment}
    scores = score(table, alignments, waveforms.__getitem__)
    assert scores.baselines.prior == pytest.approx(0.080, abs=0.005)
    assert scores.accuracy == pytest.approx(scores.baselines.random_codes, abs=0.01)
    assert scores.baselines.random_codes == pytest.approx(0.12, abs=0.015)
    assert scores.baselines.kmeans_mfcc == pytest.approx(0.39, abs=0.02)
