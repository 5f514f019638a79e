"""What codes have to beat: random codes, and k-means on MFCC with as many clusters at the same rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from vqspeech.analysis.features import STEP_S, mfcc
from vqspeech.analysis.frames import LabelledFrames
from vqspeech.codes import CodeTable
from vqspeech.errors import InputError

FIT_FRAMES = 100_000
"""K-means is fitted on at most this many frames, drawn at random; all frames are then assigned."""

_REACH = np.array([-2, -1, 1, 2])


def random_codes(n_frames: int, n_codes: int, seed: int, repeats: int = 10) -> Iterator[np.ndarray]:
    """`repeats` uniformly random assignments of frames to codes, each (n_frames,) int64."""
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        yield rng.integers(n_codes, size=n_frames)


def mfcc_at_codes(
    waveform: np.ndarray, sample_rate: int, hop_samples: int, frames: np.ndarray
) -> dict[str, np.ndarray]:
    """MFCC features of codes, four ways, each (frames, 13 or 26) float32.

    ``centre`` takes the 25 ms window at the centre of the code, ``mean`` the mean over windows every 10 ms within the code; ``mfcc13``
    is static, ``mfcc13+delta`` adds the regression slope over +-20 ms at the centre (HTK book, equation 5.16).

    Parameters
    ----------
    waveform : (time,) float
    frames : (frames,) positions t of the codes; code t covers samples ``[t * hop_samples, (t + 1) * hop_samples)``
    """
    middle = (np.asarray(frames)[:, None] + 0.5) * hop_samples
    inside = max(1, round(hop_samples / (STEP_S * sample_rate)))
    within = middle + ((np.arange(inside) + 0.5) / inside - 0.5) * hop_samples
    around = middle + _REACH * STEP_S * sample_rate
    centre = mfcc(waveform, sample_rate, middle[:, 0])
    mean = mfcc(waveform, sample_rate, within).mean(axis=1)
    delta = np.tensordot(mfcc(waveform, sample_rate, around), _REACH / (_REACH**2).sum(), axes=(1, 0))
    return {
        "mfcc13, centre": centre,
        "mfcc13, mean": mean,
        "mfcc13+delta, centre": np.concatenate([centre, delta], axis=1),
        "mfcc13+delta, mean": np.concatenate([mean, delta], axis=1),
    }


def kmeans_on_mfcc(
    frames: LabelledFrames,
    table: CodeTable,
    waveform_of: Callable[[str], np.ndarray],
    *,
    n_clusters: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Cluster ids of the frames for each kind of MFCC feature, raw and standardised per coefficient, each (frames,) int64.

    Raises
    ------
    InputError : when a waveform is not one-dimensional
    """
    collected: dict[str, list[np.ndarray]] = {}
    for utterance, at in frames.slices():
        waveform = np.asarray(waveform_of(utterance))
        if waveform.ndim != 1:
            raise InputError(f"the waveform of {utterance!r} has shape {waveform.shape}, expected (time,)")
        features = mfcc_at_codes(waveform, table.sample_rate, table.hop_samples, frames.frame[at])
        for name, values in features.items():
            collected.setdefault(name, []).append(values)
    clusters = {}
    for name, parts in collected.items():
        raw = np.concatenate(parts)
        spread = raw.std(axis=0)
        clusters[f"{name}, raw"] = kmeans(raw, n_clusters, seed)
        clusters[f"{name}, standardised"] = kmeans(
            (raw - raw.mean(axis=0)) / np.where(spread > 0, spread, 1.0), n_clusters, seed
        )
    return clusters


def kmeans(features: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """Cluster ids (frames,) int64 by Lloyd's k-means with k-means++ start; at most as many clusters as different features."""
    from sklearn.cluster import KMeans

    fit_on = features
    if len(features) > FIT_FRAMES:
        fit_on = features[np.random.default_rng(seed).choice(len(features), FIT_FRAMES, replace=False)]
    n_clusters = min(n_clusters, len(np.unique(fit_on, axis=0)))
    model = KMeans(n_clusters, n_init=1, random_state=seed).fit(fit_on)
    ids: np.ndarray = model.predict(features)
    return ids.astype(np.int64)
