from __future__ import annotations

import numpy as np
import pytest

from vqspeech.analysis.phonemes.context import CONTEXTS, context_ids, ngram_correct


def ids(codes: np.ndarray, utterance: np.ndarray, length: int) -> list[np.ndarray]:
    return [context_ids(codes, utterance, CONTEXTS[n]) for n in range(1, length + 1)]


def test_equal_ids_are_equal_ngrams_within_an_utterance() -> None:
    codes, utterance = np.array([0, 1, 0, 1, 1, 0]), np.array([0, 0, 0, 1, 1, 1])
    grams = [(None, 0, 1), (0, 1, 0), (1, 0, None), (None, 1, 1), (1, 1, 0), (1, 0, None)]
    found = context_ids(codes, utterance, CONTEXTS[3])
    for i in range(6):
        for j in range(6):
            assert (found[i] == found[j]) == (grams[i] == grams[j])


def test_a_phone_that_depends_on_the_code_before_is_named_by_bigrams_only() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 2000)
    utterance = np.repeat(np.arange(20), 100)
    labels = np.r_[0, codes[:-1]] ^ codes
    labels[::100] = codes[::100]
    folds = utterance % 4
    one, two = ids(codes, utterance, 2)
    assert ngram_correct([one], labels, 2, folds).mean() == pytest.approx(0.5, abs=0.06)
    assert ngram_correct([one, two], labels, 2, folds).mean() == 1.0


def test_unseen_contexts_back_off_to_shorter_ones_and_to_the_prior() -> None:
    codes = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0])
    # Code 2 is seen in no other fold; the most frequent phone there is 0 or 1.
    folds = np.array([0, 0, 0, 1, 0, 0, 0, 1, 1])
    utterance = np.arange(9)
    correct = ngram_correct(ids(codes, utterance, 3), labels, 2, folds)
    # Code 0 alone is phone 0 in the other fold.
    assert correct[3]
    # Three frames of each phone: the first.
    assert correct[[7, 8]].tolist() == [False, True]


def test_random_contexts_fitted_on_their_own_frames_look_good_and_are_not() -> None:
    rng = np.random.default_rng(1)
    codes, labels = rng.integers(0, 30, 2000), rng.integers(0, 5, 2000)
    utterance = np.zeros(2000, dtype=int)
    contexts = ids(codes, utterance, 3)
    assert ngram_correct(contexts, labels, 5).mean() > 0.5
    assert ngram_correct(contexts, labels, 5, np.arange(2000) % 5).mean() == pytest.approx(0.2, abs=0.05)
