"""A small speaker classifier, fitted on original speech, that scores voice conversions."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vqspeech.analysis.listening.features import mfcc, steps
from vqspeech.analysis.listening.measures import check_waveform, f0_statistics
from vqspeech.errors import InputError

FOLDS = 5
# 40 dB in the natural logarithm of power.
_SPEECH_RANGE = 40.0 / 10.0 * np.log(10.0)


@dataclass(frozen=True, kw_only=True)
class ConversionScores:
    """Speakers of converted speech by the classifier.

    Parameters
    ----------
    pairs : conversions scored
    target_speaker_accuracy, source_speaker_accuracy : share classified as the target, and as the source
    held_out_accuracy : accuracy of the classifier on other original utterances, the ceiling; None when unknown
    chance : 1 / speakers
    speakers : number of the classifier's speakers
    """

    pairs: int
    target_speaker_accuracy: float
    source_speaker_accuracy: float
    held_out_accuracy: float | None
    chance: float
    speakers: int


def voice_features(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Compute features of a voice from an utterance (time,): 42 numbers, float64.

    Mean and standard deviation of 19 MFCC (without c0, which is the level) over frames within 40 dB of the loudest;
    octaves of the median F0, its range from the 10th to the 90th percentile, share of voiced frames, and whether any
    frame is voiced.

    Raises
    ------
    InputError : when the waveform is empty, not one-dimensional or not finite
    """
    waveform = check_waveform(waveform)
    coefficients = mfcc(waveform, sample_rate, steps(len(waveform), sample_rate), n_mfcc=20).astype(np.float64)
    # The orthonormal c0 is sqrt(bands) times the mean log power.
    loudness = coefficients[:, 0] / np.sqrt(40)
    speech = coefficients[loudness >= loudness.max() - _SPEECH_RANGE, 1:]
    f0 = f0_statistics(waveform, sample_rate)
    pitch = np.zeros(4)
    if f0.median_hz and f0.low_hz and f0.high_hz:
        pitch[:] = np.log2(f0.median_hz / 100.0), np.log2(f0.high_hz / f0.low_hz), f0.voiced_share, 1.0
    return np.concatenate([speech.mean(axis=0), speech.std(axis=0), pitch])


@dataclass(frozen=True, kw_only=True, eq=False)
class SpeakerClassifier:
    """Linear discriminant analysis on standardised voice features; `fit` creates one.

    Parameters
    ----------
    sample_rate : rate of all waveforms, in Hz
    speakers : ids of its speakers, sorted
    utterances : number of utterances that it is fitted on
    held_out_accuracy : accuracy by cross-validation over the utterances of each speaker; None with one utterance each
    """

    sample_rate: int
    speakers: tuple[str, ...]
    utterances: int
    held_out_accuracy: float | None
    pipeline: Any

    @classmethod
    def fit(cls, waveforms: Iterable[np.ndarray], speakers: Sequence[str], sample_rate: int) -> SpeakerClassifier:
        """Fit on original utterances, about 0.1 s each; ten per speaker suffice.

        Parameters
        ----------
        waveforms : one (time,) float waveform per utterance
        speakers : the speaker of each
        sample_rate : rate in Hz

        Raises
        ------
        InputError : with fewer than two speakers, another number of speakers than of waveforms, or no more utterances
            than speakers
        """
        features = np.stack([voice_features(waveform, sample_rate) for waveform in waveforms])
        if len(features) != len(speakers):
            raise InputError(f"{len(features)} waveforms, but {len(speakers)} speaker names")
        known = tuple(sorted(set(speakers)))
        if len(known) < 2 or len(features) <= len(known):
            raise InputError(
                f"{len(features)} utterances of {len(known)} speaker(s) cannot train a speaker classifier; "
                "give at least two speakers and more utterances than speakers"
            )
        labels = np.asarray(speakers)
        return cls(
            sample_rate=sample_rate,
            speakers=known,
            utterances=len(features),
            held_out_accuracy=_cross_validate(features, labels),
            pipeline=_fitted(features, labels),
        )

    def predict(self, waveforms: Iterable[np.ndarray]) -> list[str]:
        """Predict the speaker of each waveform (time,)."""
        features = [voice_features(waveform, self.sample_rate) for waveform in waveforms]
        return [str(name) for name in self.pipeline.predict(np.stack(features))] if features else []

    def score_conversions(
        self, waveforms: Iterable[np.ndarray], sources: Sequence[str], targets: Sequence[str]
    ) -> ConversionScores:
        """Score converted speech.

        Parameters
        ----------
        waveforms : converted utterances, (time,) each
        sources, targets : who spoke, and whose voice it should have

        Raises
        ------
        InputError : without conversions, with lists of different length, or with a target that the classifier does not
            know
        """
        predicted = self.predict(waveforms)
        if not predicted or not len(predicted) == len(sources) == len(targets):
            raise InputError(
                f"{len(predicted)} conversions with {len(sources)} sources and {len(targets)} targets; "
                "give as many of each, at least one"
            )
        strangers = sorted(set(targets) - set(self.speakers))
        if strangers:
            raise InputError(f"the classifier was not fitted on target speaker(s) {', '.join(strangers)}")
        return ConversionScores(
            pairs=len(predicted),
            target_speaker_accuracy=float(np.mean([a == b for a, b in zip(predicted, targets, strict=True)])),
            source_speaker_accuracy=float(np.mean([a == b for a, b in zip(predicted, sources, strict=True)])),
            held_out_accuracy=self.held_out_accuracy,
            chance=1.0 / len(self.speakers),
            speakers=len(self.speakers),
        )


def _fitted(features: np.ndarray, labels: np.ndarray) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
    with warnings.catch_warnings():
        # A speaker with one utterance only adds a mean.
        warnings.filterwarnings("ignore", "Only one sample available")
        return pipeline.fit(features, labels)


def folds_within_speakers(speakers: Sequence[str] | np.ndarray, n_folds: int = FOLDS) -> np.ndarray:
    """Return the fold of each utterance, (utterances,) int64, spread over each speaker."""
    seen: Counter[object] = Counter()
    folds = np.empty(len(speakers), dtype=np.int64)
    for index, speaker in enumerate(speakers):
        folds[index] = seen[speaker] % n_folds
        seen[speaker] += 1
    return folds


def _cross_validate(features: np.ndarray, labels: np.ndarray) -> float | None:
    """Return the accuracy by cross-validation over `folds_within_speakers`."""
    folds = folds_within_speakers(labels)
    several = Counter(labels)
    testable = np.asarray([several[speaker] > 1 for speaker in labels])
    hits: list[bool] = []
    for fold in range(FOLDS):
        held_out = testable & (folds == fold)
        if held_out.any() and len(np.unique(labels[~held_out])) > 1:
            model = _fitted(features[~held_out], labels[~held_out])
            hits.extend(model.predict(features[held_out]) == labels[held_out])
    return float(np.mean(hits)) if hits else None
