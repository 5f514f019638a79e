from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, homogeneity_score, mutual_info_score, v_measure_score

from vqspeech.analysis.phonemes import clustering
from vqspeech.analysis.phonemes.clustering import cluster_scores, entropy_bits, information_bits
from vqspeech.analysis.phonemes.mapping import joint_counts

labelled = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=60).map(
    lambda pairs: np.asarray(pairs, dtype=np.int64).T
)


@given(labelled)
def test_scores_agree_with_scikit_learn(pairs: np.ndarray) -> None:
    codes, labels = pairs
    found = cluster_scores(codes, labels, joint_counts(codes, labels, 6, 4), 0)
    assert found.pnmi == pytest.approx(homogeneity_score(labels, codes), abs=1e-9)
    assert found.v_measure == pytest.approx(v_measure_score(labels, codes), abs=1e-9)
    assert found.ami == pytest.approx(adjusted_mutual_info_score(labels, codes), abs=1e-9)
    counts = joint_counts(codes, labels, 6, 4)
    assert information_bits(counts) == pytest.approx(mutual_info_score(labels, codes) / np.log(2), abs=1e-9)


def test_purities_of_a_case_by_hand() -> None:
    codes, labels = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 1])
    found = cluster_scores(codes, labels, joint_counts(codes, labels, 3, 2), 0)
    assert (found.phone_purity, found.cluster_purity) == (5 / 6, 4 / 6)


def test_entropy_of_equal_counts_is_their_logarithm() -> None:
    assert entropy_bits(np.array([3, 3, 3, 3, 0])) == pytest.approx(2.0)
    assert entropy_bits(np.array([7])) == 0.0


def test_ami_of_many_frames_is_that_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "AMI_FRAMES", 500)
    codes = np.random.default_rng(0).integers(0, 4, 4000)
    found = cluster_scores(codes, codes, joint_counts(codes, codes, 4, 4), 0)
    assert found.ami == pytest.approx(1.0)
