"""Codes against phonemes: the paper's majority map, beside chance and k-means on the same frames.

van den Oord et al. 2017, section 4.3: every code is mapped to the phone it most often coincides with, and the accuracy of this map is
reported on the frames it was fitted on (49.3 % with 128 codes and 41 phones, against 7.2 % for the most frequent phone). A fitted map
rises with the number of codes even when they mean nothing; that is why random codes stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqspeech.alignment.base import Alignment
from vqspeech.analysis.baselines import kmeans_on_mfcc, random_codes
from vqspeech.analysis.frames import LabelledFrames, label_frames
from vqspeech.codes import CodeTable
from vqspeech.errors import InputError

RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class PhonemeScores:
    """How well codes tell phones apart. Accuracies are shares of frames in [0, 1].

    Parameters
    ----------
    accuracy : majority map code -> phone, fitted and scored on the same frames (the paper's protocol)
    ci95 : percentile interval of `accuracy` over 1,000 bootstrap resamples of whole speakers (of utterances when there is one
        speaker, see `ci95_over`); the map stays the one fitted on all frames, so the interval shows the spread between speakers and
        not the optimism of the fit. None when there is only one of them
    prior : share of the most frequent phone, the accuracy of a single code
    random_codes : mean of the same fit and score over ten uniformly random assignments of the same frames to K codes
    kmeans_mfcc : the same with k-means on MFCC, the same K, rate and frames, the clusters fitted on these very frames; the best
        of `kmeans_mfcc_variants`, so the flattering one
    accuracy_other_speakers : map fitted on one half of the speakers and scored on the other, both ways, over all frames; None with
        one speaker. `prior_other_speakers` and `kmeans_mfcc_other_speakers` are the baselines of this protocol
    frames, speakers, utterances, phones, codes : how many; `codes` is K
    per_phone : phone -> share of its frames that the map names correctly
    mapping : code -> phone, for the codes that occur
    phone_names : names of the columns of `counts`, sorted
    counts : (codes, phones) int64, joint counts
    """

    accuracy: float
    ci95: tuple[float, float] | None
    ci95_over: str
    prior: float
    random_codes: float
    kmeans_mfcc: float
    kmeans_mfcc_variants: dict[str, float]
    accuracy_other_speakers: float | None
    prior_other_speakers: float | None
    kmeans_mfcc_other_speakers: float | None
    frames: int
    speakers: int
    utterances: int
    phones: int
    codes: int
    excludes_silence: bool
    per_phone: dict[str, float]
    mapping: dict[str, str]
    phone_names: tuple[str, ...]
    counts: np.ndarray

    @property
    def confusion(self) -> np.ndarray:
        """Frames by true phone (row) and the phone that the map names (column), (phones, phones) int64."""
        matrix = np.zeros((self.phones, self.phones), dtype=np.int64)
        np.add.at(matrix, majority_map(self.counts), self.counts)
        return matrix.T

    def summary(self) -> dict[str, object]:
        """All scalars and small tables, ready for JSON (without `counts`)."""
        skipped = ("counts", "phone_names")
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in skipped}


def joint_counts(codes: np.ndarray, labels: np.ndarray, n_codes: int, n_phones: int) -> np.ndarray:
    """Frames by code and phone, (n_codes, n_phones) int64, from code and phone ids (frames,)."""
    return np.bincount(codes * n_phones + labels, minlength=n_codes * n_phones).reshape(n_codes, n_phones)


def majority_map(counts: np.ndarray) -> np.ndarray:
    """The most frequent phone of each code, (codes,) int64, from joint counts (codes, phones).

    A code that never occurs gets the most frequent phone of all; ties go to the first.
    """
    best: np.ndarray = counts.argmax(axis=1)
    return np.where(counts.sum(axis=1) > 0, best, counts.sum(axis=0).argmax())


def majority_accuracy(codes: np.ndarray, labels: np.ndarray, n_codes: int, n_phones: int) -> float:
    """Share of frames that the majority map names correctly, fitted on these very frames."""
    return float(joint_counts(codes, labels, n_codes, n_phones).max(axis=1).sum() / len(codes))


def accuracy_across(codes: np.ndarray, frames: LabelledFrames, first: np.ndarray, n_codes: int) -> float:
    """Accuracy with the map fitted on one part of the frames and scored on the other, both ways, over all frames.

    Parameters
    ----------
    codes : (frames,) int64 in ``[0, n_codes)``
    first : (frames,) bool, True for one part
    """
    correct = 0
    for fit in (first, ~first):
        mapping = majority_map(joint_counts(codes[fit], frames.label[fit], n_codes, len(frames.phones)))
        correct += int((mapping[codes[~fit]] == frames.label[~fit]).sum())
    return correct / len(codes)


def bootstrap_interval(correct: np.ndarray, group: np.ndarray, seed: int) -> tuple[float, float] | None:
    """95 % percentile interval of a share, resampling whole groups with replacement; None with fewer than two groups.

    The interval is widened to hold the estimate itself where the percentiles of a few very uneven groups miss it.

    Parameters
    ----------
    correct : (frames,) bool
    group : (frames,) the group of each frame, for example its speaker
    """
    _, ids = np.unique(group, return_inverse=True)
    total = np.bincount(ids)
    if len(total) < 2:
        return None
    hits = np.bincount(ids, weights=correct)
    draws = np.random.default_rng(seed).multinomial(len(total), np.full(len(total), 1 / len(total)), size=RESAMPLES)
    low, high = np.percentile((draws @ hits) / (draws @ total), (2.5, 97.5))
    estimate = float(hits.sum() / total.sum())
    return min(float(low), estimate), max(float(high), estimate)


def half_of_the_speakers(frames: LabelledFrames, seed: int) -> np.ndarray | None:
    """A mask (frames,) of a random half of the speakers that occur, or None when there is only one."""
    present = np.unique(frames.speaker)
    if len(present) < 2:
        return None
    return np.isin(frames.speaker, np.random.default_rng(seed).permutation(present)[: len(present) // 2])


def score(
    table: CodeTable,
    alignments: Mapping[str, Alignment],
    waveform_of: Callable[[str], np.ndarray],
    *,
    seed: int = 0,
    exclude_silence: bool = True,
) -> PhonemeScores:
    """Score codes against phones, with baselines on the same frames.

    Parameters
    ----------
    table : codes of the utterances
    alignments : utterance id -> alignment; utterances without one are left out
    waveform_of : utterance id -> waveform (time,) float32 at ``table.sample_rate``, for the MFCC baseline
    seed : of random codes, k-means, the split of speakers and the bootstrap
    exclude_silence : leave out silent frames

    Raises
    ------
    InputError : when no frame has a phone, or a code lies outside its codebook
    """
    frames = label_frames(table, alignments, exclude_silence=exclude_silence)
    return score_frames(frames, table, waveform_of, seed=seed)


def score_frames(
    frames: LabelledFrames, table: CodeTable, waveform_of: Callable[[str], np.ndarray], *, seed: int = 0
) -> PhonemeScores:
    """As `score`, for frames that are labelled already."""
    n_codes, n_phones = frames.n_codes, len(frames.phones)
    counts = joint_counts(frames.code, frames.label, n_codes, n_phones)
    mapping = majority_map(counts)
    correct = mapping[frames.code] == frames.label
    phone_totals = counts.sum(axis=0)
    per_phone = np.bincount(frames.label, weights=correct, minlength=n_phones) / phone_totals

    chance = [
        majority_accuracy(codes, frames.label, n_codes, n_phones) for codes in random_codes(len(frames), n_codes, seed)
    ]
    clusters = kmeans_on_mfcc(frames, table, waveform_of, n_clusters=n_codes, seed=seed)
    variants = {
        name: majority_accuracy(codes, frames.label, n_codes, n_phones) for name, codes in sorted(clusters.items())
    }
    strongest = max(variants, key=lambda name: variants[name])

    first = half_of_the_speakers(frames, seed)
    one = np.zeros_like(frames.code)
    several_speakers = len(np.unique(frames.speaker)) > 1
    return PhonemeScores(
        accuracy=float(correct.mean()),
        ci95=bootstrap_interval(correct, frames.speaker if several_speakers else frames.utterance, seed),
        ci95_over="speakers" if several_speakers else "utterances",
        prior=float(phone_totals.max() / len(frames)),
        random_codes=float(np.mean(chance)),
        kmeans_mfcc=variants[strongest],
        kmeans_mfcc_variants=variants,
        accuracy_other_speakers=None if first is None else accuracy_across(frames.code, frames, first, n_codes),
        prior_other_speakers=None if first is None else accuracy_across(one, frames, first, 1),
        kmeans_mfcc_other_speakers=None
        if first is None
        else accuracy_across(clusters[strongest], frames, first, n_codes),
        frames=len(frames),
        speakers=len(np.unique(frames.speaker)),
        utterances=len(np.unique(frames.utterance)),
        phones=n_phones,
        codes=n_codes,
        excludes_silence=frames.excludes_silence,
        per_phone={phone: float(share) for phone, share in zip(frames.phones, per_phone, strict=True)},
        mapping={frames.code_names[code]: frames.phones[mapping[code]] for code in np.flatnonzero(counts.sum(axis=1))},
        phone_names=frames.phones,
        counts=counts,
    )


def analyse(
    table: CodeTable,
    alignments: Mapping[str, Alignment],
    waveform_of: Callable[[str], np.ndarray],
    *,
    out: Path | None = None,
    seed: int = 0,
) -> dict[str, object]:
    """The registered analysis ``phonemes``: `PhonemeScores.summary`, and with `out` the code-phone matrix as a figure.

    Raises
    ------
    InputError : when no utterance has an alignment, or as in `score`
    """
    if not alignments:
        raise InputError(
            "no utterance of this corpus has a phone alignment; put .TextGrid, .phn or .lab files beside the audio and read it as `folder`"
        )
    scores = score(table, alignments, waveform_of, seed=seed)
    if out is not None:
        from vqspeech.analysis import figures

        out.mkdir(parents=True, exist_ok=True)
        figures.save(figures.code_phone_matrix(scores.counts, scores.phone_names), out / "code-phone-matrix.png")
    return scores.summary()
