"""Measure speaker information in codes by linear probes and mutual information."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vqspeech.analysis.listening.speakers import FOLDS, folds_within_speakers
from vqspeech.analysis.phonemes.clustering import entropy_bits, information_bits
from vqspeech.analysis.phonemes.mapping import joint_counts

FRAMES_PER_FIT = 12_000
"""Frame probes are fitted on at most this many frames, drawn at random."""

SHUFFLES = 20


@dataclass(frozen=True, kw_only=True)
class SpeakerLeakage:
    """Speakers predicted from codes; accuracies are shares in [0, 1] of held-out utterances.

    A probe is multinomial logistic regression. Utterances are dealt into five folds within each speaker.

    Parameters
    ----------
    utterance_codes : accuracy from the square root of an utterance's code histogram (so that distances are
        Hellinger's)
    utterance_mfcc : accuracy from mean and deviation of the 13 MFCC of an utterance
    utterance_chance : share of the most frequent speaker's utterances
    frame_codes : accuracy from one code
    frame_mfcc : accuracy from the 13 MFCC of one frame
    frame_chance : share of the most frequent speaker's frames
    information_bits : I(code; speaker) less its mean when the speakers of frames are shuffled; the shuffled value is
        the bias of few frames
    speaker_entropy_bits : H(speaker), what full knowledge would be
    speakers, utterances, frames : numbers of speakers, utterances and frames
    """

    utterance_codes: float
    utterance_mfcc: float
    utterance_chance: float
    frame_codes: float
    frame_mfcc: float
    frame_chance: float
    information_bits: float
    speaker_entropy_bits: float
    speakers: int
    utterances: int
    frames: int


def speaker_leakage(
    codes: np.ndarray, mfcc: np.ndarray, utterance: np.ndarray, speaker_of: np.ndarray, n_codes: int, seed: int
) -> SpeakerLeakage | None:
    """Probe codes for the speaker; None with fewer than two speakers of at least two utterances each.

    Parameters
    ----------
    codes : (frames,) int64 in ``[0, n_codes)``
    mfcc : (frames, 13) of the same frames
    utterance : (frames,) int64
    speaker_of : (utterances,) int64, speaker of each utterance
    seed : seed of the sample of frames and of the shuffles
    """
    present, inverse = np.unique(utterance, return_inverse=True)
    inverse = inverse.reshape(-1)
    speakers = speaker_of[present]
    several = np.isin(speakers, np.flatnonzero(np.bincount(speakers) > 1))
    if len(np.unique(speakers[several])) < 2:
        return None
    kept = several[inverse]
    codes, mfcc = codes[kept], mfcc[kept]
    present, inverse = np.unique(inverse[kept], return_inverse=True)
    inverse, speakers = inverse.reshape(-1), speakers[several]
    folds = folds_within_speakers(speakers)
    histogram = joint_counts(inverse, codes, len(present), n_codes).astype(np.float64)
    histogram = np.sqrt(histogram / histogram.sum(axis=1, keepdims=True))
    voice = np.stack([np.r_[own.mean(axis=0), own.std(axis=0)] for own in _by(inverse, mfcc, len(present))])
    who, fold = speakers[inverse], folds[inverse]
    counts = joint_counts(codes, who, n_codes, int(speakers.max()) + 1)
    return SpeakerLeakage(
        utterance_codes=_probe(histogram, speakers, folds, _regression),
        utterance_mfcc=_probe(_standardised(voice), speakers, folds, _regression),
        utterance_chance=float(np.bincount(speakers).max() / len(speakers)),
        frame_codes=_probe(codes[:, None], who, fold, lambda x, y: _most_frequent(x[:, 0], y, n_codes)),
        frame_mfcc=_probe(_standardised(mfcc), who, fold, lambda x, y: _regression(*_sample(x, y, seed))),
        frame_chance=float(np.bincount(who).max() / len(who)),
        information_bits=information_bits(counts) - _shuffled(codes, who, n_codes, seed),
        speaker_entropy_bits=entropy_bits(np.bincount(who)),
        speakers=len(np.unique(speakers)),
        utterances=len(present),
        frames=len(codes),
    )


Predict = Callable[[np.ndarray], np.ndarray]


def _probe(
    features: np.ndarray, who: np.ndarray, folds: np.ndarray, fit: Callable[[np.ndarray, np.ndarray], Predict]
) -> float:
    hits = 0
    for fold in range(FOLDS):
        held = folds == fold
        if held.any():
            hits += int((fit(features[~held], who[~held])(features[held]) == who[held]).sum())
    return hits / len(who)


def _regression(features: np.ndarray, who: np.ndarray) -> Predict:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model: Any = LogisticRegression(C=10.0, max_iter=300).fit(features, who)
    return lambda values: np.asarray(model.predict(values))


def _most_frequent(codes: np.ndarray, who: np.ndarray, n_codes: int) -> Predict:
    """Return the most frequent speaker of each code, the limit of logistic regression."""
    counts = joint_counts(codes, who, n_codes, int(who.max()) + 1) + 1e-6 * np.bincount(who)
    return lambda values: np.asarray(counts.argmax(axis=1)[values[:, 0]])


def _sample(features: np.ndarray, who: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if len(who) <= FRAMES_PER_FIT:
        return features, who
    chosen = np.random.default_rng(seed).choice(len(who), FRAMES_PER_FIT, replace=False)
    return features[chosen], who[chosen]


def _shuffled(codes: np.ndarray, who: np.ndarray, n_codes: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    n_speakers = int(who.max()) + 1
    draws = (information_bits(joint_counts(codes, rng.permutation(who), n_codes, n_speakers)) for _ in range(SHUFFLES))
    return float(np.mean(list(draws)))


def _standardised(features: np.ndarray) -> np.ndarray:
    spread = features.std(axis=0)
    return np.asarray((features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _by(group: np.ndarray, values: np.ndarray, n_groups: int) -> Sequence[np.ndarray]:
    order = np.argsort(group, kind="stable")
    return np.split(values[order], np.cumsum(np.bincount(group, minlength=n_groups))[:-1])
