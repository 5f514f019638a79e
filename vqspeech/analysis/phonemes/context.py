"""N-gram maps: the phone of a code given its neighbours.

van den Oord et al. 2017, section 4.3, footnote: the phone of a code may depend on preceding codes, so a map of bigrams
or trigrams is more accurate. Such a map has too many cells to be fitted on the scored frames; across speakers it backs
off to shorter contexts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

CONTEXTS = {1: (0,), 2: (-1, 0), 3: (-1, 0, 1)}
"""Length of the n-gram -> offsets of its codes: the frame, with the one before, with both neighbours."""

PRIOR_FRAMES = 10.0
"""Weight w of the shorter context in frames.

P(phone | context) = (n(context, phone) + w P(phone | shorter)) / (n(context) + w). Across speakers the accuracy of
k-means clusters on the TIMIT sample is highest at 10, and within half a point of it from 5 to 20.
"""

_BLOCK = 8192


def context_ids(codes: np.ndarray, utterance: np.ndarray, places: tuple[int, ...]) -> np.ndarray:
    """Return an id for the n-gram around every frame, (all,) int64; equal ids mean equal n-grams.

    Positions outside the utterance have a boundary symbol.

    Parameters
    ----------
    codes, utterance : (all,) int64, frames of an utterance in a row
    places : as in `CONTEXTS`
    """
    outside = codes.max(initial=0) + 1
    ids = np.zeros(len(codes), dtype=np.int64)
    for shift in places:
        source = np.arange(len(codes)) + shift
        inside = (source >= 0) & (source < len(codes))
        source = np.where(inside, source, 0)
        inside &= utterance[source] == utterance
        neighbour = np.where(inside, codes[source], outside)
        ids = np.unique(ids * (outside + 1) + neighbour, return_inverse=True)[1].reshape(-1)
    return ids


def ngram_correct(
    contexts: list[np.ndarray], labels: np.ndarray, n_phones: int, folds: np.ndarray | None = None
) -> np.ndarray:
    """Return whether the n-gram map names each frame correctly, (frames,) bool.

    Parameters
    ----------
    contexts : ids (frames,) of contexts of growing length, see `context_ids`; each backs off to the one before it
    labels : (frames,) int64 phone ids
    folds : (frames,) int64: the map is fitted on the other folds; None: on the frames that it is scored on
    """
    from scipy.sparse import csr_matrix

    sizes = [int(ids.max(initial=0)) + 1 for ids in contexts]
    correct = np.zeros(len(labels), dtype=bool)
    for fold in [None] if folds is None else np.unique(folds):
        held = np.ones(len(labels), dtype=bool) if fold is None else folds == fold
        fit = held if fold is None else ~held
        ones = np.ones(int(fit.sum()))
        counts = [
            csr_matrix((ones, (ids[fit], labels[fit])), shape=(size, n_phones))
            for ids, size in zip(contexts, sizes, strict=True)
        ]
        prior = np.bincount(labels[fit], minlength=n_phones) / max(1, int(fit.sum()))
        where = np.flatnonzero(held)
        for start in range(0, len(where), _BLOCK):
            rows = where[start : start + _BLOCK]
            correct[rows] = _posterior(contexts, counts, prior, rows).argmax(axis=1) == labels[rows]
    return correct


def _posterior(contexts: list[np.ndarray], counts: list[csr_matrix], prior: np.ndarray, rows: np.ndarray) -> np.ndarray:
    posterior = np.broadcast_to(prior, (len(rows), len(prior)))
    for ids, table in zip(contexts, counts, strict=True):
        own = table[ids[rows]].toarray()
        posterior = (own + PRIOR_FRAMES * posterior) / (own.sum(axis=1, keepdims=True) + PRIOR_FRAMES)
    return posterior
