"""Score labellings of frames: codes, clusters of a baseline, or random codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vqspeech.alignment.base import SILENCE, Alignment
from vqspeech.analysis.codebook import adaptive_bits, usage_of_counts
from vqspeech.analysis.phonemes import abx
from vqspeech.analysis.phonemes.boundaries import (
    TOLERANCE_S,
    BoundaryScores,
    boundary_scores,
    code_boundaries,
    phone_boundaries,
)
from vqspeech.analysis.phonemes.clustering import ClusterScores, cluster_scores
from vqspeech.analysis.phonemes.context import CONTEXTS, context_ids, ngram_correct
from vqspeech.analysis.phonemes.frames import LabelledFrames, centres
from vqspeech.analysis.phonemes.mapping import correct_across, folds_of, joint_counts, majority_map
from vqspeech.analysis.resampling import bootstrap_interval
from vqspeech.codes import CodeTable

ABX_UTTERANCES = 1500
"""Tokens for ABX come from at most this many utterances, drawn at random."""


@dataclass(frozen=True, kw_only=True)
class NgramAccuracy:
    """Accuracy of the n-gram map on its own frames and on other speakers."""

    same_frames: float
    other_speakers: float | None


@dataclass(frozen=True, kw_only=True)
class BitRate:
    """Cost of codes in bits per second, silence included.

    Parameters
    ----------
    nominal : codes per second times log2 of the number of codes
    entropy : the least without regard to order, with the frequencies of codes known
    adaptive : bits of an adaptive coder without a trained model, see
        `vqspeech.analysis.codebook.adaptive_bits`; codes one by one
    adaptive_order_1 : the same, each code after the one before it
    codes_used : codes that occur
    perplexity : 2 to the entropy of the codes
    """

    nominal: float
    entropy: float
    adaptive: float
    adaptive_order_1: float
    codes_used: int
    perplexity: float


@dataclass(frozen=True, kw_only=True)
class UnitScores:
    """Scores of one labelling; accuracies are shares of frames in [0, 1].

    Parameters
    ----------
    accuracy : majority map fitted and scored on the same frames
    ci95 : 95 % interval of `accuracy` over speakers, see `PhonemeScores`
    accuracy_other_speakers : map fitted on other speakers
    bigram, trigram : accuracy of maps from a code with the one before it, and with both neighbours
    clusters : purity, PNMI, V-measure, AMI
    boundaries_20ms, boundaries_frame : agreement of code changes and phone changes, within 20 ms and within one frame
    abx_within, abx_across : ABX error, codes compared as equal or not
    bits_per_second : see `BitRate`
    """

    accuracy: float
    ci95: tuple[float, float] | None
    accuracy_other_speakers: float | None
    bigram: NgramAccuracy
    trigram: NgramAccuracy
    clusters: ClusterScores
    boundaries_20ms: BoundaryScores
    boundaries_frame: BoundaryScores
    abx_within: float | None
    abx_across: float | None
    bits_per_second: BitRate


class FrameScorer:
    """Scores labellings of the same frames; folds, boundaries and ABX triples are shared.

    Parameters
    ----------
    frames : the scored frames
    table, alignments : their codes and alignments
    seed : seed of folds, triples and intervals
    """

    def __init__(
        self, frames: LabelledFrames, table: CodeTable, alignments: Mapping[str, Alignment], seed: int
    ) -> None:
        self.frames, self.seed = frames, seed
        self.hop_s = table.hop_samples / table.sample_rate
        self.folds = folds_of(frames.speaker, seed)
        self.groups = frames.speaker if self.folds is not None else frames.utterance
        lengths_s = {row.id: row.n_samples / table.sample_rate for row in table}
        self.edges = [phone_boundaries(alignments[name], lengths_s[name]) for name in frames.utterances]
        self.tokens = _tokens(frames, table, alignments, seed)
        self.within = abx.draw_triples(self.tokens, across=False, seed=seed)
        self.across = abx.draw_triples(self.tokens, across=True, seed=seed)

    def correct(self, codes: np.ndarray, n_codes: int) -> np.ndarray:
        """Return whether the majority map, fitted on the same frames, names each, (frames,) bool."""
        own, labels = codes[self.frames.place], self.frames.label
        return np.asarray(majority_map(joint_counts(own, labels, n_codes, len(self.frames.phones)))[own] == labels)

    def accuracy(self, codes: np.ndarray, n_codes: int) -> float:
        """Return the accuracy of the majority map, fitted on the same frames; codes as in `score`."""
        return float(self.correct(codes, n_codes).mean())

    def abx_of(self, features: np.ndarray, dissimilarity: abx.Dissimilarity) -> tuple[float | None, float | None]:
        """Compute ABX errors within and across speakers of codes (all,) or features (all, dimensions)."""
        return (
            abx.abx_error(self.tokens, self.within, features, dissimilarity),
            abx.abx_error(self.tokens, self.across, features, dissimilarity),
        )

    def score(self, codes: np.ndarray, n_codes: int, *, nominal_bits: float | None = None) -> UnitScores:
        """Compute all scores of a labelling.

        Parameters
        ----------
        codes : (all,) int64; below `n_codes` on scored frames
        n_codes : number of codes
        nominal_bits : bits of one frame; log2 of `n_codes` when None
        """
        frames, n_phones, labels = self.frames, len(self.frames.phones), self.frames.label
        own = codes[frames.place]
        counts = joint_counts(own, labels, n_codes, n_phones)
        correct = majority_map(counts)[own] == labels
        other = None
        if self.folds is not None:
            other = float(correct_across(own, labels, self.folds, n_codes, n_phones).mean())
        sequences = frames.split(codes)
        pairs = [(code_boundaries(c, self.hop_s), edges) for c, edges in zip(sequences, self.edges, strict=True)]
        within, across = self.abx_of(codes, abx.different)
        return UnitScores(
            accuracy=float(correct.mean()),
            ci95=bootstrap_interval(correct, self.groups, self.seed),
            accuracy_other_speakers=other,
            bigram=self._ngram(codes, 2),
            trigram=self._ngram(codes, 3),
            clusters=cluster_scores(own, labels, counts, self.seed),
            boundaries_20ms=boundary_scores(pairs, TOLERANCE_S),
            boundaries_frame=boundary_scores(pairs, self.hop_s),
            abx_within=within,
            abx_across=across,
            bits_per_second=_rate(sequences, codes, n_codes, self.hop_s, nominal_bits),
        )

    def _ngram(self, codes: np.ndarray, length: int) -> NgramAccuracy:
        frames = self.frames
        contexts = [
            context_ids(codes, frames.utterance_of_all, CONTEXTS[n])[frames.place] for n in range(1, length + 1)
        ]
        n_phones = len(frames.phones)
        same = float(ngram_correct(contexts, frames.label, n_phones).mean())
        if self.folds is None:
            return NgramAccuracy(same_frames=same, other_speakers=None)
        other = float(ngram_correct(contexts, frames.label, n_phones, self.folds).mean())
        return NgramAccuracy(same_frames=same, other_speakers=other)


def _rate(
    sequences: list[np.ndarray], codes: np.ndarray, n_codes: int, hop_s: float, nominal_bits: float | None
) -> BitRate:
    size = max(n_codes, int(codes.max()) + 1)
    use = usage_of_counts(np.bincount(codes, minlength=size), 1 / hop_s)
    seconds = len(codes) * hop_s
    return BitRate(
        nominal=use.bits_per_second if nominal_bits is None else nominal_bits / hop_s,
        entropy=use.entropy_bits_per_second,
        adaptive=adaptive_bits(sequences, size, order=0) / seconds,
        adaptive_order_1=adaptive_bits(sequences, size, order=1) / seconds,
        codes_used=use.codes_used,
        perplexity=use.perplexity,
    )


def _tokens(frames: LabelledFrames, table: CodeTable, alignments: Mapping[str, Alignment], seed: int) -> abx.Tokens:
    """Return tokens of the scored phones: codes with their centre inside, at least one."""
    chosen = np.random.default_rng(seed).permutation(len(frames.utterances))[:ABX_UTTERANCES]
    offsets = np.concatenate([[0], np.cumsum(frames.lengths)])
    number = {phone: index for index, phone in enumerate(frames.phones) if phone != SILENCE}
    hop_s = table.hop_samples / table.sample_rate
    items = []
    for index in sorted(chosen):
        n_frames = int(frames.lengths[index])
        middle = centres(n_frames, table.hop_samples) / table.sample_rate
        for phone in alignments[frames.utterances[index]].phones:
            if phone.label not in number or phone.end_s - phone.start_s > abx.MAX_TOKEN_S:
                continue
            first, stop = (int(at) for at in np.searchsorted(middle, (phone.start_s, phone.end_s)))
            if first == stop:
                first = int((phone.start_s + phone.end_s) / 2 / hop_s)
                stop = first + 1
            if stop <= n_frames:
                offset = int(offsets[index])
                items.append((number[phone.label], int(frames.speaker_of[index]), offset + first, offset + stop))
    return abx.gather(items)
