"""Maps from codes to phones: majority map, across speakers, recall and confusions.

All functions work on flat arrays of ids, (frames,) int64: codes, clusters of a baseline, or joint codes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_FOLDS = 20
"""Folds of speakers at most; up to this many speakers each is held out alone."""


def joint_counts(codes: np.ndarray, labels: np.ndarray, n_codes: int, n_phones: int) -> np.ndarray:
    """Count frames by code and phone, (n_codes, n_phones) int64, from code and phone ids (frames,)."""
    return np.bincount(codes * n_phones + labels, minlength=n_codes * n_phones).reshape(n_codes, n_phones)


def majority_map(counts: np.ndarray) -> np.ndarray:
    """Return the most frequent phone of each code, (codes,) int64, from joint counts (codes, phones).

    A code that never occurs gets the most frequent phone of all; ties go to the first.
    """
    best: np.ndarray = counts.argmax(axis=1)
    return np.where(counts.sum(axis=1) > 0, best, counts.sum(axis=0).argmax())


def majority_accuracy(codes: np.ndarray, labels: np.ndarray, n_codes: int, n_phones: int) -> float:
    """Return the accuracy of the majority map on the frames it is fitted on, as in the paper."""
    return float(joint_counts(codes, labels, n_codes, n_phones).max(axis=1).sum() / len(codes))


def folds_of(speaker: np.ndarray, seed: int) -> np.ndarray | None:
    """Assign each frame to a fold of whole speakers, (frames,) int64; None with one speaker."""
    present, ids = np.unique(speaker, return_inverse=True)
    if len(present) < 2:
        return None
    order = np.random.default_rng(seed).permutation(len(present))
    return np.asarray((order % MAX_FOLDS)[ids.reshape(-1)])


def correct_across(codes: np.ndarray, labels: np.ndarray, folds: np.ndarray, n_codes: int, n_phones: int) -> np.ndarray:
    """Return whether the majority map fitted on the other folds names each frame, (frames,) bool.

    Parameters
    ----------
    folds : (frames,) int64, see `folds_of`
    """
    total = joint_counts(codes, labels, n_codes, n_phones)
    correct = np.zeros(len(codes), dtype=bool)
    for fold in np.unique(folds):
        held = folds == fold
        mapping = majority_map(total - joint_counts(codes[held], labels[held], n_codes, n_phones))
        correct[held] = mapping[codes[held]] == labels[held]
    return correct


def recall(counts: np.ndarray) -> np.ndarray:
    """Return the recall of each phone under the majority map, (phones,) float64."""
    right = np.bincount(majority_map(counts), weights=_own(counts), minlength=counts.shape[1])
    with np.errstate(invalid="ignore"):
        return right / counts.sum(axis=0)


def _own(counts: np.ndarray) -> np.ndarray:
    return counts[np.arange(len(counts)), majority_map(counts)].astype(np.float64)


def confusion(counts: np.ndarray) -> np.ndarray:
    """Count frames by true (row) and predicted (column) phone, (phones, phones) int64."""
    matrix = np.zeros((counts.shape[1], counts.shape[1]), dtype=np.int64)
    np.add.at(matrix, majority_map(counts), counts)
    return matrix.T


def typical_codes(
    counts: np.ndarray, phones: Sequence[str], names: Sequence[str], most: int = 5
) -> dict[str, list[tuple[str, float, float]]]:
    """Return up to `most` codes per phone: code, its share of the phone, the phone's share of it."""
    of_phone, of_code = counts.sum(axis=0), counts.sum(axis=1)
    codes_of_phone = {}
    for index, phone in enumerate(phones):
        best = np.argsort(-counts[:, index], kind="stable")[:most]
        codes_of_phone[phone] = [
            (names[code], float(counts[code, index] / of_phone[index]), float(counts[code, index] / of_code[code]))
            for code in best
            if counts[code, index] > 0
        ]
    return codes_of_phone
