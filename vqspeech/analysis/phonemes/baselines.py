"""Baselines of codes: random codes, and k-means on MFCC with as many clusters at the same rate.

K-means is fitted twice: on the audio that the model was trained on, the fair comparison, and on the scored frames
themselves, which gives it an advantage. Both are repeated on normalised MFCC, the target of models with a spectral
head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vqspeech.analysis import latents
from vqspeech.analysis.listening.features import STEP_S, mfcc
from vqspeech.analysis.phonemes.frames import LabelledFrames
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable
from vqspeech.errors import InputError

KMEANS_TRAINING = "k-means on MFCC, training audio"
KMEANS_SCORED = "k-means on MFCC, scored audio"
NORMALISED_TRAINING = "k-means on normalised MFCC, training audio"
NORMALISED_SCORED = "k-means on normalised MFCC, scored audio"
UNTRAINED = "untrained encoder, k-means"
RANDOM = "random codes"

RIVALS = (KMEANS_TRAINING, KMEANS_SCORED, NORMALISED_TRAINING, NORMALISED_SCORED)
"""Baselines that codes should exceed; those of training audio may be missing."""

_PLAIN = ("mfcc13, centre", "mfcc13, mean", "mfcc13+delta, centre", "mfcc13+delta, mean")
_NORMALISED = ("mfcc13, mean", "mfcc13 less its mean, mean")
_LIFTER = np.arange(1, 14, dtype=np.float32) ** -0.3

FIT_FRAMES = 100_000
"""K-means is fitted on at most this many frames, drawn at random; all frames are then assigned."""

_REACH = np.array([-2, -1, 1, 2])


def random_codes(n_frames: int, n_codes: int, seed: int, repeats: int = 10) -> Iterator[np.ndarray]:
    """Yield uniformly random assignments of frames to codes, each (n_frames,) int64."""
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        yield rng.integers(n_codes, size=n_frames)


def mfcc_at_codes(
    waveform: np.ndarray, sample_rate: int, hop_samples: int, frames: np.ndarray
) -> dict[str, np.ndarray]:
    """Compute MFCC features of codes in five ways, each (frames, 13 or 26) float32.

    ``centre`` takes the 25 ms window at the centre of the code, ``mean`` the mean over windows every 10 ms within the
    code; ``mfcc13`` is static, ``mfcc13+delta`` adds the regression slope over +-20 ms at the centre (HTK book,
    equation 5.16), ``mfcc13 less its mean`` lacks the mean over these frames (Atal 1974).

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
        "mfcc13 less its mean, mean": mean - mean.mean(axis=0),
    }


def mfcc_of(
    utterances: Iterable[tuple[str, int]],
    waveform_of: Callable[[str], np.ndarray],
    sample_rate: int,
    hop_samples: int,
) -> dict[str, np.ndarray]:
    """Compute `mfcc_at_codes` of utterances, concatenated to (all, 13 or 26) float32.

    Parameters
    ----------
    utterances : (id, number of codes) pairs
    waveform_of : id -> waveform (time,)

    Raises
    ------
    InputError : when a waveform is not one-dimensional
    """
    collected: dict[str, list[np.ndarray]] = {}
    for utterance, n_frames in utterances:
        waveform = np.asarray(waveform_of(utterance))
        if waveform.ndim != 1:
            raise InputError(f"the waveform of {utterance!r} has shape {waveform.shape}, expected (time,)")
        for name, values in mfcc_at_codes(waveform, sample_rate, hop_samples, np.arange(n_frames)).items():
            collected.setdefault(name, []).append(values)
    return {name: np.concatenate(parts) for name, parts in collected.items()}


def rivals(
    frames: LabelledFrames,
    table: CodeTable,
    features: Mapping[str, np.ndarray],
    waveform_of: Callable[[str], np.ndarray],
    *,
    training: Sequence[np.ndarray] = (),
    model: SpeechCodec | None = None,
    seed: int = 0,
) -> dict[str, dict[str, np.ndarray]]:
    """Cluster the frames of a table, with as many clusters as it has codes.

    `KMEANS_TRAINING` and `NORMALISED_TRAINING` need training audio, and `UNTRAINED` needs a model; it is fitted on the
    training audio, if any.

    Parameters
    ----------
    features : `mfcc_of` the aligned utterances
    waveform_of : utterance id -> waveform (time,)
    training : waveforms (time,) of the training data, multiples of the hop
    """
    hop, n_codes = table.hop_samples, frames.n_codes
    pieces = [(str(index), len(waveform) // hop) for index, waveform in enumerate(training)]
    clusterings = {}
    if training:
        fit_on = mfcc_of(pieces, lambda key: training[int(key)], table.sample_rate, hop)
        clusterings[KMEANS_TRAINING] = kmeans_variants(features, fit_on, n_codes, seed)
        clusterings[NORMALISED_TRAINING] = normalised_variants(features, fit_on, n_codes, seed)
    on_scored = {name: values[frames.place] for name, values in features.items()}
    clusterings[KMEANS_SCORED] = kmeans_variants(features, on_scored, n_codes, seed)
    clusterings[NORMALISED_SCORED] = normalised_variants(features, on_scored, n_codes, seed)
    encoder = None if model is None else latents.untrained_encoder(model, seed)
    if encoder is not None:
        z = latents.latents_of(encoder, zip(frames.utterances, frames.lengths.tolist(), strict=True), waveform_of)
        sample = latents.latents_of(encoder, pieces, lambda key: training[int(key)]) if training else z[frames.place]
        clusterings[UNTRAINED] = {"": kmeans(z, n_codes, seed, fit_on=sample)}
    return clusterings


def kmeans_variants(
    features: Mapping[str, np.ndarray], fit_on: Mapping[str, np.ndarray], n_clusters: int, seed: int
) -> dict[str, np.ndarray]:
    """Cluster frames by each kind of feature, raw and standardised; return ids (all,) int64.

    Parameters
    ----------
    features : kind -> (all, dimensions), frames to assign
    fit_on : kind -> (frames, dimensions), frames that the clusters, means and deviations are fitted on
    """
    clusters = {}
    for name in _PLAIN:
        values = features[name]
        sample, spread = fit_on[name], _spread(fit_on[name])
        clusters[f"{name}, raw"] = kmeans(values, n_clusters, seed, fit_on=sample)
        clusters[f"{name}, standardised"] = kmeans(values / spread, n_clusters, seed, fit_on=sample / spread)
    return clusters


def normalised_variants(
    features: Mapping[str, np.ndarray], fit_on: Mapping[str, np.ndarray], n_clusters: int, seed: int
) -> dict[str, np.ndarray]:
    """Cluster as `kmeans_variants`, with normalised and liftered variants of 13 MFCC.

    Coefficient n counts (n + 1)^-0.3 times, as for the spectral head of the presets for small machines.
    """
    clusters = {}
    for name in _NORMALISED:
        scale = _LIFTER / _spread(fit_on[name])
        clusters[f"{name}, liftered"] = kmeans(features[name] * scale, n_clusters, seed, fit_on=fit_on[name] * scale)
    return clusters


def _spread(sample: np.ndarray) -> np.ndarray:
    spread: np.ndarray = sample.std(axis=0)
    return np.where(spread > 0, spread, 1.0)


def kmeans(features: np.ndarray, n_clusters: int, seed: int, *, fit_on: np.ndarray | None = None) -> np.ndarray:
    """Cluster features by Lloyd's k-means with k-means++ start; cluster ids (frames,) int64.

    There are at most as many clusters as different features.

    Parameters
    ----------
    features : (frames, dimensions) to assign
    fit_on : (other frames, dimensions) to fit on; `features` itself when None
    """
    from sklearn.cluster import KMeans

    sample = features if fit_on is None else fit_on
    if len(sample) > FIT_FRAMES:
        sample = sample[np.random.default_rng(seed).choice(len(sample), FIT_FRAMES, replace=False)]
    n_clusters = min(n_clusters, len(np.unique(sample, axis=0)))
    model: Any = KMeans(n_clusters, n_init=1, random_state=seed).fit(sample)
    ids: np.ndarray = model.predict(features)
    return ids.astype(np.int64)
