"""Codes as clusters of frames, phones as classes: purity, PNMI, V-measure, AMI."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

AMI_FRAMES = 50_000
"""Largest number of frames for AMI, whose expected information takes time; more are sampled."""


@dataclass(frozen=True, kw_only=True)
class ClusterScores:
    """Agreement of codes and phones in [0, 1], 1 for equal partitions; AMI may be negative.

    Parameters
    ----------
    phone_purity : share of frames whose phone is the most frequent one of their code, the accuracy of the majority map
    cluster_purity : share of frames whose code is the most frequent one of their phone; falls when a phone has many
        codes
    pnmi : phone-normalised mutual information I(code; phone) / H(phone) (Hsu et al. 2021, HuBERT), also called
        homogeneity; rises with the number of codes
    v_measure : harmonic mean of homogeneity I / H(phone) and completeness I / H(code) (Rosenberg and Hirschberg 2007)
    ami : mutual information above that of random codes with the same counts (Vinh et al. 2010), 0 for codes that mean
        nothing
    """

    phone_purity: float
    cluster_purity: float
    pnmi: float
    v_measure: float
    ami: float


def entropy_bits(counts: np.ndarray) -> float:
    """Compute the entropy in bits of the distribution with these counts, of any shape."""
    share = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(share * np.log2(share)).sum()))


def information_bits(counts: np.ndarray) -> float:
    """Compute the plug-in mutual information in bits of joint counts, biased on few frames."""
    return max(0.0, entropy_bits(counts.sum(0)) + entropy_bits(counts.sum(1)) - entropy_bits(counts))


def cluster_scores(codes: np.ndarray, labels: np.ndarray, counts: np.ndarray, seed: int) -> ClusterScores:
    """Compute scores of codes compared with phones.

    Parameters
    ----------
    codes, labels : (frames,) int64
    counts : (codes, phones) joint counts of them
    seed : seed of the sample that AMI is computed on, beyond `AMI_FRAMES`
    """
    from sklearn.metrics import adjusted_mutual_info_score

    if len(codes) > AMI_FRAMES:
        chosen = np.random.default_rng(seed).choice(len(codes), AMI_FRAMES, replace=False)
        codes, labels = codes[chosen], labels[chosen]
    shared, of_phones, of_codes = (
        information_bits(counts),
        entropy_bits(counts.sum(0)),
        entropy_bits(counts.sum(1)),
    )
    return ClusterScores(
        phone_purity=float(counts.max(axis=1).sum() / counts.sum()),
        cluster_purity=float(counts.max(axis=0).sum() / counts.sum()),
        pnmi=shared / of_phones if of_phones else 1.0,
        v_measure=2 * shared / (of_phones + of_codes) if of_phones + of_codes else 1.0,
        ami=float(adjusted_mutual_info_score(labels, codes)),
    )
