from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.analysis.phonemes import abx

rng = np.random.default_rng(0)


def tokens_of(n_phones: int = 4, n_speakers: int = 3, each: int = 4, length: int = 3) -> abx.Tokens:
    """Tokens of every phone by every speaker, one after the other on the axis of all frames."""
    items, at = [], 0
    for phone in range(n_phones):
        for speaker in range(n_speakers):
            for _ in range(each):
                items.append((phone, speaker, at, at + length))
                at += length
    return abx.gather(items)


def frames_of(tokens: abx.Tokens, values: np.ndarray) -> np.ndarray:
    """Features of all frames from one value per token."""
    features = np.zeros((int(tokens.frames.max()) + 1, *values.shape[1:]), dtype=values.dtype)
    for places, value in zip(tokens.frames, values, strict=True):
        features[places] = value
    return features


@pytest.mark.parametrize("across", [False, True])
def test_known_answers(across: bool) -> None:
    tokens = tokens_of()
    triples = abx.draw_triples(tokens, across=across, seed=0, per_pair=60)
    assert abx.abx_error(tokens, triples, frames_of(tokens, tokens.phone), abx.different) == 0.0
    assert abx.abx_error(tokens, triples, frames_of(tokens, 0 * tokens.phone), abx.different) == 0.5
    noise = rng.normal(size=(len(tokens.phone), 8))
    assert abx.abx_error(tokens, triples, frames_of(tokens, noise), abx.angle) == pytest.approx(0.5, abs=0.12)


def test_what_depends_on_the_speaker_only_misleads_across_speakers() -> None:
    """Codes that name the speaker tie within one; A and B share a code and X has another, so they tie across too.

    Codes that name phone and speaker are right within a speaker, and tie across.
    """
    tokens = tokens_of()
    both = tokens.phone * 10 + tokens.speaker
    for across, expected in ((False, 0.0), (True, 0.5)):
        triples = abx.draw_triples(tokens, across=across, seed=0)
        assert abx.abx_error(tokens, triples, frames_of(tokens, tokens.speaker), abx.different) == 0.5
        assert abx.abx_error(tokens, triples, frames_of(tokens, both), abx.different) == expected


def test_features_that_mislead_have_an_error_of_one() -> None:
    tokens = tokens_of(n_phones=2, n_speakers=2, each=1)
    # A and B of speaker 0 and X of speaker 1: X of phone 0 looks like B and the other way round
    angle = np.where(tokens.phone == tokens.speaker, 0.0, np.pi / 2)
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    triples = abx.draw_triples(tokens, across=True, seed=0)
    assert abx.abx_error(tokens, triples, frames_of(tokens, vectors), abx.angle) == 1.0


def test_triples_are_what_they_should_be() -> None:
    tokens = tokens_of()
    for across in (False, True):
        t = abx.draw_triples(tokens, across=across, seed=3, per_pair=5)
        assert len(t) == 5 * 4 * 3
        assert (tokens.phone[t.a] == tokens.phone[t.x]).all()
        assert (tokens.phone[t.a] != tokens.phone[t.b]).all()
        assert (tokens.speaker[t.a] == tokens.speaker[t.b]).all()
        assert ((tokens.speaker[t.a] == tokens.speaker[t.x]) != across).all()
        assert (t.a != t.x).all()
        assert np.array_equal(t.x, abx.draw_triples(tokens, across=across, seed=3, per_pair=5).x)


def test_one_speaker_with_one_token_of_each_phone_allows_no_triples() -> None:
    tokens = tokens_of(n_speakers=1, each=1)
    for across in (False, True):
        triples = abx.draw_triples(tokens, across=across, seed=0)
        assert abx.abx_error(tokens, triples, frames_of(tokens, tokens.phone), abx.different) is None


def slow_warp(cost: np.ndarray) -> float:
    """The mean cost along the path of least sum, by trying all paths: the smallest and the largest of equal sums."""
    n, m = cost.shape

    def paths(i: int, j: int) -> list[list[float]]:
        if (i, j) == (0, 0):
            return [[cost[0, 0]]]
        before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        return [[*path, cost[i, j]] for a, b in before if a >= 0 and b >= 0 for path in paths(a, b)]

    return float(np.mean(min(paths(n - 1, m - 1), key=sum)))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 1000))
def test_warping_agrees_with_trying_every_path(n: int, m: int, seed: int) -> None:
    own = np.random.default_rng(seed)
    # The third pads the first two.
    tokens = abx.gather([(0, 0, 0, n), (1, 0, n, n + m), (1, 0, 0, n + m)])
    features = own.normal(size=(n + m, 3))
    found = abx.warped(tokens, np.array([0]), np.array([1]), features, abx.angle)[0]
    cost = abx.angle(features[None, :n], features[None, n:])[0]
    assert found == pytest.approx(slow_warp(cost))


def test_angles_of_known_vectors() -> None:
    one = np.array([[[1.0, 0.0]]])
    other = np.array([[[2.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, 0.0]]])
    assert abx.angle(one, other)[0, 0] == pytest.approx([0.0, 0.5, 1.0, 0.5])
